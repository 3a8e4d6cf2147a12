"""F1 of the diagnosis codes of reports: whole codes, and their categories of three characters.

Dots, blanks and case do not matter (`tasks.reports.icd`). Images whose reference has no code are left out; a prediction
without one counts 0 there:

    [ours] = measure_icd([[Report("", "", icd=("I50.9",))]], [Report("", "", icd=("I5023",))], profile=profile)
    ours["icd_exact_f1"].statistics.value, ours["icd_prefix3_f1"].statistics.value    # 0.0, 1.0
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from evaluation.labels.conventions import ICD
from evaluation.metrics.concept_f1 import Labels, Overlap, micro_f1, numbered
from evaluation.profiles import Profile
from evaluation.statistics import Measured, Statistics
from tasks.nouns import Report

NO_GOLD = "no reference has ICD codes"
NOT_STATED = (
    "no prediction has ICD codes; a table of findings and impression cannot hold them: give the folder of the run, "
    "whose journal does when the model writes a line 'ICD: [...]'"
)


def measure_icd(
    systems: Sequence[Sequence[Report]], truths: Sequence[Report], *, profile: Profile
) -> list[dict[str, Measured]]:
    """The code scores of the profile on each system."""
    wanted = [name for name in ICD if name in profile.roles]
    if not wanted:
        return [{} for _ in systems]
    from tasks.reports.icd import normalised, prefix

    found: list[dict[str, Measured]] = [{} for _ in systems]
    for form, cut in (("exact", normalised), ("prefix3", prefix)):
        for own, one in zip(found, _measured(systems, truths, cut), strict=True):
            own |= {f"icd_{form}_{average}": score for average, score in one.items()}
    return [{name: own[name] for name in wanted} for own in found]


def _measured(
    systems: Sequence[Sequence[Report]], truths: Sequence[Report], cut: Callable[[str], str]
) -> list[dict[str, Measured]]:
    """F1 by image and micro F1 of each system on the codes as `cut` leaves them; what it takes for none is none.

    A code of ICD-9 is none of ICD-10, though both may be written alike without the dot.
    """
    from tasks.reports.icd import version

    def codes(report: Report) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f"{version(raw)}:{code}" for raw in report.icd if (code := cut(raw))))

    gold = [codes(truth) for truth in truths]
    counted = np.array([bool(cell) for cell in gold])
    pin = hashlib.sha256(repr(gold).encode()).hexdigest()[:8]
    results = []
    for reports in systems:
        ours = [codes(report) for report in reports]
        why = NO_GOLD if not counted.any() else NOT_STATED if not any(ours) else ""
        if why:
            results.append(dict.fromkeys(("f1", "f1_micro"), Measured.nothing(len(gold), why)))
            continue
        ours = [cell if known else () for cell, known in zip(ours, counted, strict=True)]
        numbers = numbered(gold, ours)
        true, predicted = Labels.of(gold, numbers), Labels.of(ours, numbers)
        by_image = Statistics.mean(np.where(counted, Overlap.of(true, predicted).f1, np.nan))
        formula = f"icd|gold:{pin}|dots:no|avg:"
        results.append(
            {
                "f1": Measured(by_image, f"{formula}image"),
                "f1_micro": Measured(micro_f1(true, predicted), f"{formula}micro"),
            }
        )
    return results
