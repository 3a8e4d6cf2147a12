"""How far raters agree beyond chance, on one item.

A table has a row a text and a column a rater; a cell is the place of the level, NaN where there is none:

    table = np.array([[0, 0], [0, 1], [1, 1]], dtype=float)
    gwet(table, levels=2, ordered=False).value              # AC1: 0.333...
    kappa(table, levels=2, ordered=False)                   # 0.4
    alpha(table, ordered=False)                             # 0.444...

* exact agreement: the share of pairs of raters that say the same, text by text
* Gwet's AC1 and, on ordered levels with quadratic weights, AC2 (Gwet, Handbook of Inter-Rater Reliability, 4th edition,
  2014, chapters 2 to 5): texts with one rater count for the prevalence of levels only, levels that nobody chose count
* Cohen's kappa (1960; with quadratic weights on ordered levels, 1968), the mean of all pairs of raters (Light, 1971),
  each on the texts that both rated; by NLTK
* Krippendorff's alpha, nominal, or ordinal on ordered levels (Computing Krippendorff's Alpha-Reliability, 2011); NLTK's

The first two are sums over texts, so that their intervals come from resampling. The one Python package with Gwet's
coefficients, irrCAC 0.4.4, wants SciPy 1.12.0, and is wrong under pandas 3: 0.786 on the book's four raters, not 0.775.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from evaluation.statistics import Array, Statistics, ratio


def exact(table: Array, *, levels: int) -> Statistics:
    """The share of pairs of ratings that are the same."""
    same, pairable = _agreeing(_counts(table, levels), np.eye(levels))
    return Statistics(np.column_stack([same, pairable]), ratio)


def gwet(table: Array, *, levels: int, ordered: bool) -> Statistics:
    """AC1 of levels without order, AC2 with quadratic weights of ordered ones."""
    weights = quadratic(levels) if ordered else np.eye(levels)
    counts = _counts(table, levels)
    raters = counts.sum(axis=1)
    rated = (raters > 0).astype(float)
    shares = counts / np.maximum(raters, 1)[:, np.newaxis]

    def aggregate(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            observed = sums[..., 0] / sums[..., 1]
            prevalence = sums[..., 3:] / sums[..., 2:3]
            spread = (prevalence * (1 - prevalence)).sum(axis=-1)
            expected = weights.sum() / (levels * (levels - 1)) * spread
            return np.asarray((observed - expected) / (1 - expected))

    return Statistics(np.column_stack([*_agreeing(counts, weights), rated, shares]), aggregate)


def kappa(table: Array, *, levels: int, ordered: bool) -> float:
    """Cohen's kappa, the mean over pairs of raters; NaN where no pair has one."""
    weights = quadratic(levels) if ordered else np.eye(levels)
    found = []
    for pair in combinations(table.T, 2):
        both = np.column_stack(pair)
        both = both[~np.isnan(both).any(axis=1)]
        if len(np.unique(both)) > 1:
            found.append(_task(both, lambda a, b: float(1 - weights[a, b])).weighted_kappa())
    return float(np.mean(found)) if found else np.nan


def alpha(table: Array, *, ordered: bool) -> float:
    """Krippendorff's alpha; NaN when no two ratings of a text, or no two levels, can be compared."""
    pairable = table[(~np.isnan(table)).sum(axis=1) > 1]
    chosen = pairable[~np.isnan(pairable)].astype(int)
    if len(np.unique(chosen)) < 2:
        return np.nan
    n = np.bincount(chosen)

    def distance(a: int, b: int) -> float:
        low, high = min(a, b), max(a, b)
        return float(n[low : high + 1].sum() - (n[low] + n[high]) / 2) ** 2 if ordered else float(a != b)

    return float(_task(pairable, distance).alpha())


def quadratic(levels: int) -> Array:
    """Weights of agreement: 1 on the diagonal, 0 between the first and the last level."""
    places = np.arange(levels)
    return np.asarray(1 - (np.subtract.outer(places, places) / (levels - 1)) ** 2)


def _task(table: Array, distance: Callable[[int, int], float]) -> Any:
    """NLTK's task; it knows no cell that is empty."""
    from nltk.metrics.agreement import AnnotationTask  # type: ignore[import-untyped]

    cells = [(rater, text, int(table[text, rater])) for text, rater in np.argwhere(~np.isnan(table)).tolist()]
    return AnnotationTask(cells, distance=distance)


def _counts(table: Array, levels: int) -> Array:
    """How many raters gave each text each level."""
    return np.asarray((table[:, :, np.newaxis] == np.arange(levels)).sum(axis=1), dtype=float)


def _agreeing(counts: Array, weights: Array) -> tuple[Array, Array]:
    """Of each text the weighted share of agreeing pairs of ratings, and whether it has a pair."""
    raters = counts.sum(axis=1)
    pairs = raters * (raters - 1)
    agreeing = (counts * (counts @ weights - 1)).sum(axis=1)
    return agreeing / np.maximum(pairs, 1), (pairs > 0).astype(float)
