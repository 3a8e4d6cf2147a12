"""Scores of groups of images, such as those of a modality or a body region.

An image's modality is the one modality CUI among its concepts, its region the one CUI of a body region: the first seven
and the other eight of the CUIs that the organisers count in the secondary score
(github.com/taubsity/clef-caption-evaluation-2026, concept_detection). A score of a group is the score of its images
alone, from the summands of the whole set: CIDEr keeps the document frequencies of all references.

    groups = kinds(["a", "b"], {"a": ("C0040405",), "b": ("C0040405", "C0032743")}, MODALITIES)
    groups    # {"a": "CT", "b": "several"}
    by_group(scores, groups)["CT"].scores["f1"]    # Estimate(value=0.6121, ci=(0.6012, 0.6230))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evaluation.bootstrap import intervals
from evaluation.inputs.references import References
from evaluation.metrics.concept_f1 import Cuis
from evaluation.scores import Scores
from tasks.nouns import InputError, Task

MODALITIES = {
    "C0002978": "angiogram",
    "C0040405": "CT",
    "C0024485": "MRI",
    "C0032743": "PET",
    "C0041618": "ultrasound",
    "C1306645": "X-ray",
    "C0920367": "OCT",
}
REGIONS = {
    "C1140618": "upper extremity",
    "C0037949": "spine",
    "C0030797": "pelvis",
    "C0023216": "lower extremity",
    "C0037303": "skull",
    "C0817096": "chest",
    "C0006141": "breast",
    "C0000726": "abdomen",
}
KINDS: Mapping[str, Mapping[str, str]] = {"modality": MODALITIES, "region": REGIONS}
SEVERAL, NONE = "several", "none"
"""The groups of the images with more than one CUI of the kind, and with none."""


class Estimate(NamedTuple):
    """A score of a group of images."""

    value: float
    ci: tuple[float, float]
    """The 95 % interval."""


@dataclass(frozen=True, slots=True)
class Subset:
    """The scores of a group of images."""

    n: int
    scores: Mapping[str, Estimate]
    """Name -> score; a score that counts none of the images is left out."""

    def to_json(self) -> dict[str, Any]:
        """The object under the group's name in `--json`."""
        return {"n": self.n, "scores": {name: {"value": v, "ci": list(ci)} for name, (v, ci) in self.scores.items()}}


def kinds(ids: Iterable[str], concepts: Mapping[str, Cuis], names: Mapping[str, str]) -> dict[str, str]:
    """Image id -> its modality or region by its concepts, of those in `names` (CUI -> name)."""
    found: dict[str, str] = {}
    for image_id in ids:
        labels = {cui.strip().upper() for cui in concepts.get(image_id, ())} & names.keys()
        found[image_id] = names[labels.pop()] if len(labels) == 1 else SEVERAL if labels else NONE
    return found


def true_kinds(scores: Scores, gold: References, names: Mapping[str, str]) -> dict[str, str]:
    """The modalities or regions of the scored images by their manual concepts, or their true ones without any.

    InputError where the references are texts.
    """
    if scores.task is not Task.CONCEPTS:
        raise InputError(f"an image's modality is known by its concepts: group concept scores, not {scores.task}")
    return kinds(scores.ids, cast(Mapping[str, Cuis], gold.secondary or gold.values), names)


def by_group(
    scores: Scores,
    groups: Mapping[str, str],
    *,
    drawn_together: Mapping[str, str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Subset]:
    """Group -> its scores, the largest group first; `groups` names the group of every image.

    `drawn_together` names the patient or article of images for the intervals.
    """
    places: dict[str, list[int]] = {}
    for place, image_id in enumerate(scores.ids):
        if image_id not in groups:
            raise InputError(f"{image_id} has no group: name the group of every image")
        places.setdefault(groups[image_id], []).append(place)
    found = {}
    for name, own in sorted(places.items(), key=lambda item: (-len(item[1]), item[0])):
        ids = [scores.ids[place] for place in own]
        together = [drawn_together.get(image_id, image_id) for image_id in ids] if drawn_together else None
        parts = {metric: score.statistics.of_images(own) for metric, score in scores.scores.items()}
        parts = {metric: part for metric, part in parts.items() if not math.isnan(part.value)}
        ends = intervals(list(parts.values()), resamples=resamples, seed=seed, groups=together)
        estimates = {metric: Estimate(part.value, ci) for (metric, part), ci in zip(parts.items(), ends, strict=True)}
        found[name] = Subset(len(own), estimates)
    return found


def print_groups(by: str, groups: Mapping[str, Subset], scores: Scores, console: Console) -> None:
    """Print a table of the scores by group: the primary and secondary ones, or all where there are none."""
    chief = [name for name, score in scores.scores.items() if score.role in {"primary", "secondary"}]
    table = Table()
    table.add_column(by)
    table.add_column("n", justify="right")
    names = chief or list(scores.scores)
    for name in names:
        table.add_column(f"{name} (95 % interval)", justify="right")
    for group, found in groups.items():
        table.add_row(escape(group), str(found.n), *(_cell(found.scores.get(name)) for name in names))
    console.print(table)


def _cell(found: Estimate | None) -> str:
    return f"{found.value:.4f} ({found.ci[0]:.4f} – {found.ci[1]:.4f})" if found else ""
