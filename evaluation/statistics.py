"""What a metric measures on each image, as sums that can be resampled.

A score is a function of sums over images: a mean is (sum of values) / (number of images), corpus BLEU a
function of ten summed counts. Keeping the summands per image gives the value, the value of each image and,
by summing other choices of images, its confidence interval:

    Statistics.mean(np.array([1.0, 0.5])).value    # 0.75
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The summands of one metric."""

    rows: Array
    """One row of summands per image."""
    aggregate: Callable[[Array], Array]
    """Sums in the last axis -> score."""

    @classmethod
    def mean(cls, values: Array) -> Statistics:
        """The statistics of a plain mean; an image whose value is NaN is left out of it."""
        counted = ~np.isnan(values)
        return cls(np.column_stack([np.where(counted, values, 0.0), counted.astype(float)]), _mean)

    @property
    def value(self) -> float:
        """The score over all images; NaN when no image counts."""
        return float(self.aggregate(np.array([column.sum() for column in self.rows.T])))

    @property
    def per_image(self) -> Array:
        """The score of each image alone; NaN for an image that does not count."""
        return self.aggregate(self.rows)


def _mean(sums: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])
