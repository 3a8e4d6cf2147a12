"""F1 of the labels that truth and prediction hold, in four averages, as summands of each image.

The values equal scikit-learn's f1_score(true, ours, average=..., zero_division=0) with average `micro`, `macro`,
`samples` (here: example) and `weighted`, on the images that count. Only where no image has a positive on either side
micro F1 is NaN, not 0:

    true, ours = np.array([[1, 1, 0]], bool), np.array([[1, 0, 0]], bool)
    held = Held(true, ours, np.array([True]))
    AVERAGE["micro"](held).value, AVERAGE["macro"](held).value    # 0.666..., 0.333...

A resample that loses a rare label loses its F1, so the interval of macro F1 is recentred (`evaluation.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.labels.conventions import Average
from evaluation.metrics.concept_f1 import share
from evaluation.statistics import Array, Statistics, ratio

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Held:
    """Which of k labels truth and prediction of n images hold."""

    true: Flags
    """n x k"""
    ours: Flags
    """n x k"""
    counted: Flags
    """n; an image that does not count adds nothing."""

    @property
    def nothing(self) -> bool:
        """Whether no image that counts has a positive on either side."""
        return not (self.true | self.ours)[self.counted].any()

    @property
    def rows(self) -> Array:
        """n x (3k + 1): in both, true, predicted of each label, and whether the image counts."""
        sides = np.hstack([self.true & self.ours, self.true, self.ours, np.ones_like(self.counted)[:, np.newaxis]])
        return (sides & self.counted[:, np.newaxis]).astype(float)


def split(sums: Array) -> tuple[Array, Array, Array, Array]:
    """The sums of `Held.rows` as in both, true and predicted of each label, and images."""
    k = sums.shape[-1] // 3
    return sums[..., :k], sums[..., k : 2 * k], sums[..., 2 * k : 3 * k], sums[..., 3 * k]


def f1_of_labels(sums: Array) -> Array:
    """The F1 of each label; 0 of one without a positive."""
    both, true, ours, _ = split(sums)
    return share(2 * both, true + ours)


def _micro(held: Held) -> Statistics:
    both, true, ours, _ = split(held.rows)
    return Statistics(np.column_stack([2 * both.sum(axis=1), (true + ours).sum(axis=1)]), ratio)


def _example(held: Held) -> Statistics:
    both, true, ours, counted = split(held.rows)
    f1 = share(2 * both.sum(axis=1), (true + ours).sum(axis=1))
    return Statistics.mean(np.where(counted > 0, f1, np.nan))


def _mean_of_labels(sums: Array) -> Array:
    return np.where(split(sums)[3] > 0, f1_of_labels(sums).mean(axis=-1), np.nan)


def _by_support(sums: Array) -> Array:
    _, true, _, images = split(sums)
    mean = share((f1_of_labels(sums) * true).sum(axis=-1), true.sum(axis=-1))
    return np.where(images > 0, mean, np.nan)


AVERAGE: Mapping[Average, Callable[[Held], Statistics]] = {
    "micro": _micro,
    "macro": lambda held: Statistics(held.rows, _mean_of_labels, recentred=True),
    "example": _example,
    "weighted": lambda held: Statistics(held.rows, _by_support),
}
"""How the statistics of an average are made."""
