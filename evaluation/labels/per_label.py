"""Precision, recall and F1 of each label alone, from the summands of a macro score, without labelling anew.

scores = score_predictions(..., profile="chexpert").scores
per_label(scores["chexpert_macro14_u0"].statistics)["Cardiomegaly"].f1             # 0.62
label_statistics(scores["chexpert_macro14_u0"].statistics)["label:Cardiomegaly"]   # for a paired test
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.labels.conventions import SETS
from evaluation.labels.f1 import split
from evaluation.metrics.concept_f1 import share
from evaluation.scores import Score
from evaluation.statistics import Array, Statistics, ratio

BY_LABEL = "{}_macro14_u0"
"""The score of each source whose summands are those of single labels, uncertain ones taken as absent."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well one label is met; what would divide by zero is 0, as in the averages."""

    support: int
    """Images whose reference holds it."""
    predicted: int
    both: int
    precision: float
    recall: float
    f1: float


def per_label(statistics: Statistics) -> dict[str, LabelScore]:
    """Label -> its score; `statistics` are those of a macro or weighted average."""
    sums = np.asarray(statistics.rows.sum(axis=0), dtype=float)
    both, true, ours, _ = split(sums)
    ratios = zip(share(both, ours), share(both, true), share(2 * both, true + ours), strict=True)
    return {
        label: LabelScore(int(true[k]), int(ours[k]), int(both[k]), *map(float, found))
        for k, (label, found) in enumerate(zip(SETS[len(both)], ratios, strict=True))
    }


def label_statistics(statistics: Statistics) -> dict[str, Statistics]:
    """`label:NAME` -> the statistics of that label's F1, NaN where no image has it on either side."""
    rows = np.asarray(statistics.rows)
    both, true, ours, _ = split(rows)
    return {
        f"label:{label}": Statistics(np.column_stack([2 * both[:, k], true[:, k] + ours[:, k]]), ratio)
        for k, label in enumerate(SETS[both.shape[1]])
    }


def per_label_json(scores: Mapping[str, Score]) -> dict[str, Any]:
    """Source -> label -> its score, of the sources that were scored."""
    found = {}
    for source in ("chexpert", "stated"):
        if (score := scores.get(BY_LABEL.format(source))) is not None:
            found[source] = {label: asdict(one) for label, one in per_label(score.statistics).items()}
    return found


def unheld(statistics: Statistics) -> tuple[list[str], int]:
    """The labels that no image holds on either side, and how many images that count hold none."""
    rows: Array = np.asarray(statistics.rows)
    _, true, ours, counted = split(rows)
    either = true + ours
    labels = [label for label, n in zip(SETS[true.shape[1]], either.sum(axis=0), strict=True) if not n]
    return labels, int(((either.sum(axis=1) == 0) & (counted > 0)).sum())
