"""From submissions on disk to their comparison: read, checked, scored alike.

found = compare_runs([Path("submissions/concept_detection/base"), Path("submissions/concept_detection/tuned")])
found.names, found.pairings[0].words()     # ("base", "tuned"), "the gain of .002 in f1 is noise (p = .43)"
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.comparison.systems import Comparisons, compare_systems
from evaluation.inputs.arguments import Inputs, read_accepted, read_inputs
from tasks.check import Check
from tasks.nouns import InputError, Value


def compare_runs(
    folders: Sequence[Path], *, seed: int = 0, trials: int = 1000, intersection: bool = False
) -> Comparisons:
    """Compare finished runs with the first; with `intersection` on the images that all of them answer.

    InputError where one cannot be compared: unfinished, without references, of other images, not acceptable.
    """
    if len(folders) < 2:
        raise InputError("one run cannot be compared: give at least two")
    asked = read_inputs(folders, intersection=intersection)
    systems, refused = read_systems(asked)
    for check in refused:
        raise InputError(f"{check.path} would not be accepted: imageclef check says why, imageclef repair mends it")
    return compare_systems(systems, asked.gold, trials=trials, seed=seed, **scored_as(asked))


def read_systems(asked: Inputs) -> tuple[dict[str, dict[str, Value]], list[Check]]:
    """The answers of each submission by its name, and the checks of those that are not acceptable."""
    systems, refused = {}, []
    for name, path, ids in zip(asked.names, asked.files, asked.expected, strict=True):
        found = read_accepted(path, edition=asked.edition, gold=asked.gold, ids=ids, answers=asked.answers.get(path))
        if isinstance(found, Check):
            refused.append(found)
        else:
            systems[name] = found
    return systems, refused


def scored_as(asked: Inputs) -> dict[str, Any]:
    """What `compare_systems` needs to know of the inputs."""
    return {"task": asked.task, "edition": asked.edition, "said": asked.warnings, "common": asked.common}
