"""Intervals of a mean over images that come in groups, by resampling the groups.

interval(scores, groups)                  # (0.236, 0.263): where the mean over all such images may lie
interval(scores, groups, images=626)      # (0.229, 0.270): where the mean of 626 new images may lie
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95


def interval(
    scores: NDArray[np.float64], groups: Sequence[Hashable] | None = None, *, images: int | None = None, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean, of level 95 %.

    With `images` the interval of the mean of so many new images: it is wider by what those differ by chance.
    """
    _, group = np.unique(np.arange(len(scores)) if groups is None else np.asarray(groups), return_inverse=True)
    sums, sizes = np.bincount(group, weights=scores), np.bincount(group)
    random = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        drawn = np.bincount(random.integers(len(sums), size=len(sums)), minlength=len(sums))
        means[n] = (drawn @ sums) / (drawn @ sizes)
    if images is not None:
        means = scores.mean() + (means - scores.mean()) * np.sqrt(1 + len(scores) / images)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
