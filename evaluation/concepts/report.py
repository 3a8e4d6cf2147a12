"""The report on a concept submission: everything that was counted, and its tables as CSV.

report = report_of(material)
report.bands[0].recall                       # 0.71
tables(report)["bands.csv"]                  # "band,concepts,support_least,..."
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.concepts.bands import BANDS, Band, bands, bands_of
from evaluation.concepts.confusion import Presence, modality_confusion, presence
from evaluation.concepts.counts import Concept, Gain, counted, gains
from evaluation.concepts.groups import KINDS, Subset, by_group, true_kinds
from evaluation.concepts.limits import Constant, Limit, chosen, constants, limits
from evaluation.concepts.material import Material
from evaluation.concepts.probable import BINS, THRESHOLDS, Weighed, weigh
from tasks.files import as_csv

TABLES = (
    "limits.csv",
    "per_concept.csv",
    "groups.csv",
    "modalities.csv",
    "secondary.csv",
    "bands.csv",
    "constants.csv",
    "calibration.csv",
    "thresholds.csv",
    "probabilities.csv",
)


@dataclass(frozen=True)
class Row:
    """One concept of the table."""

    count: Concept
    name: str | None
    band: str
    """Empty when it is not known what was learned from."""
    support: int | None
    gain: Gain | None


@dataclass(frozen=True, eq=False)
class Report:
    """All that was found."""

    material: Material
    concepts: tuple[Row, ...]
    """The concepts that are true or predicted somewhere, the most frequent in truth first."""
    groups: Mapping[str, Mapping[str, Subset]]
    """Modality and region -> group -> its primary score."""
    bands: tuple[Band, ...]
    confusion: Mapping[str, Mapping[str, int]]
    presence: tuple[Presence, ...]
    weighed: Weighed | None
    constants: tuple[Constant, ...]
    limits: tuple[Limit, ...]


def report_of(material: Material) -> Report:
    """Count and score everything."""
    p = material.probabilities
    weighed = None if p is None else weigh(p, material.truths, skipped=material.skipped, cuis=material.cuis)
    groups = {
        kind: by_group(
            material.scores, true_kinds(material.scores, material.gold, names), drawn_together=material.gold.groups
        )
        for kind, names in KINDS.items()
    }
    return Report(
        material,
        tuple(_rows(material)),
        groups,
        tuple(bands(material)),
        modality_confusion(material),
        tuple(presence(material)),
        weighed,
        tuple(constants(material)),
        tuple(limits(material, weighed)),
    )


def _rows(material: Material) -> list[Row]:
    before, support = material.before, material.support
    gained = {} if before is None else gains(material.truths, material.ours, before, material.cuis)
    place = None if support is None else bands_of(support, material.cuis)
    then = [0] * len(material.cuis) if before is None else before.frequencies.astype(int).tolist()
    rows = []
    for number, one in enumerate(counted(material.truths, material.ours, material.cuis), start=1):
        if one.true or one.predicted or then[number]:
            band = "" if place is None else BANDS[int(place[number])]
            seen = None if support is None else int(support[number])
            rows.append(Row(one, material.gold.vocabulary.name(one.cui), band, seen, gained.get(one.cui)))
    return sorted(rows, key=lambda row: (-row.count.true, -row.count.predicted, row.count.cui))


def tables(report: Report) -> dict[str, str]:
    """File name -> content; what cannot be had has no file."""
    found = {
        "limits.csv": as_csv(
            ["answers", "f1", "low", "high", "what"],
            [[one.name, one.value, *one.ci, one.what] for one in report.limits],
        ),
        "per_concept.csv": _concepts(report),
        "groups.csv": as_csv(
            ["by", "group", "n", "f1", "low", "high"],
            [
                [kind, name, own.n, *_flat(own)]
                for kind, groups in report.groups.items()
                for name, own in groups.items()
            ],
        ),
        "modalities.csv": as_csv(
            ["true", *report.confusion], [[true, *row.values()] for true, row in report.confusion.items()]
        ),
        "secondary.csv": as_csv(Presence._fields, report.presence),
    }
    if report.bands:
        found["bands.csv"] = _bands(report)
        best = chosen(list(report.constants))
        found["constants.csv"] = as_csv(
            ["k", "f1_training", "f1", "chosen", "cuis"],
            [
                [one.k, one.f1_training, one.statistics.value, int(one is best), ";".join(one.cuis)]
                for one in report.constants
            ],
        )
    if report.weighed is not None:
        found |= _probable(report.weighed)
    return found


def _flat(own: Subset) -> list[float | None]:
    f1 = own.scores.get("f1")
    return [None, None, None] if f1 is None else [f1.value, *f1.ci]


def _concepts(report: Report) -> str:
    compared = ["f1_before", "gain", "won", "lost"] if report.material.before is not None else []
    header = ["cui", "name", "band", "support", "true", "predicted", "both", "precision", "recall", "f1", *compared]
    rows = []
    for row in report.concepts:
        one = row.count
        values = [*one, one.precision, one.recall, one.f1, *(row.gain or ())]
        rows.append([one.cui, row.name, row.band, row.support, *values[1:]])
    return as_csv(header, rows)


def _bands(report: Report) -> str:
    header = ["band", "concepts", "support_least", "support_most", "training_share", "true_share"]
    header += ["true", "predicted", "both", "precision", "recall", "f1_micro", "f1", "low", "high"]
    rows = []
    for one in report.bands:
        counts = [one.true, one.predicted, one.both, one.precision, one.recall, one.f1_micro]
        rows.append(
            [one.name, one.concepts, *one.support, one.training_share, one.true_share, *counts, one.f1, *one.ci]
        )
    return as_csv(header, rows)


def _probable(weighed: Weighed) -> dict[str, str]:
    n = np.where(weighed.cells > 0, weighed.cells, np.nan)
    edges = np.arange(BINS + 1) / BINS
    bins = zip(
        edges[:-1].tolist(),
        edges[1:].tolist(),
        weighed.cells.astype(int).tolist(),
        (weighed.probable / n).tolist(),
        (weighed.true / n).tolist(),
        strict=True,
    )
    numbers = [
        ["ece", weighed.ece, "expected calibration error over all images and concepts of the vocabulary"],
        ["ece_from_tenth", weighed.ece_from_tenth, "the same where the probability is 0.1 or more"],
        ["brier", weighed.brier, "squared errors summed over the concepts of an image, mean over images"],
        ["best_threshold", weighed.best_threshold, "one threshold for all, chosen on these references"],
        ["best_threshold_f1", float(weighed.f1.max()), "what it scores here"],
    ]
    return {
        "calibration.csv": as_csv(["from", "to", "cells", "mean_probability", "true_share"], bins),
        "thresholds.csv": as_csv(["threshold", "f1"], zip(THRESHOLDS.tolist(), weighed.f1.tolist(), strict=True)),
        "probabilities.csv": as_csv(["number", "value", "what"], numbers),
    }
