"""What a paper is made of: finished runs over the same images, what they answered, and how good that is.

material = PaperMaterial(runs, ("base", "lora"), gold, answers, comparisons, scores, modalities={}, training={})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluation.comparison.systems import Comparisons
from evaluation.inputs.references import References
from evaluation.inputs.run_folders import Run
from evaluation.scores import Scores
from tasks.nouns import Value


@dataclass(frozen=True, slots=True)
class PaperMaterial:
    """Finished runs over the same images of one task and edition."""

    runs: tuple[Run, ...]
    names: tuple[str, ...]
    """What the paper calls each run, in order; no two are alike."""
    gold: References | None
    """None where the data set has no references for the images."""
    answers: Mapping[str, Mapping[str, Value]]
    """By name, then by image id: what the submission holds."""
    comparisons: Comparisons | None
    """None for one run, or where there are no references."""
    scores: tuple[Scores, ...]
    """Of each run, in order; empty where there are no references."""
    modalities: Mapping[str, str]
    """Image id -> modality; empty when not known."""
    training: Mapping[str, Path]
    """Name of a run -> folder of the training whose adapter it used, where it can be found."""
