"""What probabilities are worth before any decision: calibration, one threshold for all, and their ranking.

A cell is an image and a concept of the vocabulary. Calibration: cells are put into ten bins of equal width; in each the
mean probability is held against the share of cells that are true. The expected calibration error is the mean distance,
weighted by cells (Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017). Nearly all cells are of
concepts that nobody would name, so it is also given without the first bin. The Brier score sums the squared errors over
the concepts of an image, and is their mean over images (Brier, 1950).

The F1 of an image is that of the evaluator: an answer without a concept is the label of an empty cell. Cells are taken
of some images at once, so that memory grows by the thresholds of an image, not by its concepts:

    found = weigh(probabilities, truths, skipped=np.zeros(truths.n, dtype=bool), cuis=cuis)
    found.ece, found.best_threshold, found.ranking.mean()    # 0.0004, 0.31, 0.54
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.metrics.concept_f1 import EMPTY, Labels, share
from evaluation.statistics import Array
from tasks.probabilities import Probabilities

BINS = 10
THRESHOLDS = np.arange(1, 100) / 100
ROUNDED = 1 + 2**-11
"""More than the float16 of a file takes from a number, so that the 0.1 of 4 neighbours in 40 is in the bin from 0.1."""
SLICE = 1000
"""Images taken at once."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Weighed:
    """What was found."""

    cells: Array
    """Cells of each bin of probabilities: 0 to 0.1, ..., 0.9 to 1."""
    probable: Array
    """The sum of the probabilities of each bin."""
    true: Array
    """The true cells of each bin."""
    brier: float
    f1: Array
    """The mean F1 of each of `THRESHOLDS` as the one threshold of all concepts and images."""
    by_threshold: Array
    """Images x `THRESHOLDS`: the F1 of each image."""
    ranking: Array
    """The F1 of each image when the best number of its most probable concepts is named: no rule that names the most
    probable ones can reach more."""

    @property
    def ece(self) -> float:
        """Expected calibration error over all cells."""
        return self._error(0)

    @property
    def ece_from_tenth(self) -> float:
        """The same over the cells of probability 0.1 or more; NaN without any."""
        return self._error(1)

    @property
    def best_threshold(self) -> float:
        """The best of `THRESHOLDS` on these references: an optimistic choice."""
        return float(THRESHOLDS[np.argmax(self.f1)])

    def _error(self, first: int) -> float:
        n = float(self.cells[first:].sum())
        return float(np.abs(self.true - self.probable)[first:].sum()) / n if n else np.nan


def weigh(p: Probabilities, truths: Labels, *, skipped: Flags, cuis: Sequence[str]) -> Weighed:
    """Hold the probabilities against the truths of the same images; `cuis` are the names of the truths' numbers.

    `skipped` images are left out of the means, as the evaluator leaves them out.
    """
    bins, squares = np.zeros((3, BINS)), 0.0
    curves, ranking = np.empty((truths.n, len(THRESHOLDS))), np.empty(truths.n)
    for own, part in _parts(p, truths, cuis):
        bins += part.bins()
        squares += part.squares()
        curves[own] = part.f1_of_thresholds()
        ranking[own] = part.f1_of_ranking()
    cells, probable, true = bins
    return Weighed(cells, probable, true, squares / truths.n, curves[~skipped].mean(axis=0), curves, ranking)


def f1_of_thresholds(p: Probabilities, truths: Labels, *, skipped: Flags, cuis: Sequence[str]) -> Array:
    """`weigh(...).f1` alone, in a quarter of the time."""
    curves = np.concatenate([part.f1_of_thresholds() for _, part in _parts(p, truths, cuis)])
    return np.asarray(curves[~skipped].mean(axis=0))


def _parts(p: Probabilities, truths: Labels, cuis: Sequence[str]) -> Iterator[tuple[slice, _Part]]:
    """The images, some at once, and where they stand."""
    number = {cui: n for n, cui in enumerate(cuis)}
    matrix = truths.matrix[:, [number[cui] for cui in p.cuis]]
    counts, blank = truths.counts, truths.only([EMPTY]).counts
    for start in range(0, truths.n, SLICE):
        own = slice(start, start + SLICE)
        yield own, _Part.of(p.matrix[own], matrix[own], counts[own], blank[own])


@dataclass(frozen=True, eq=False)
class _Part:
    """Some images, and their cells that have a probability, row by row."""

    rows: npt.NDArray[np.int64]
    """Image of each cell."""
    columns: npt.NDArray[np.int64]
    probable: Array
    right: Flags
    """Whether the cell is true."""
    true: Array
    """True cells in each image, with or without a probability, of the concepts that have a column."""
    labels: Array
    """True labels of each image, one in an image without a concept."""
    blank: Array
    """1 for an image with the label of an empty cell, which an answer without a concept meets."""
    width: int

    @classmethod
    def of(cls, table: Any, truths: Any, labels: Array, blank: Array) -> _Part:
        rows = np.repeat(np.arange(len(labels)), np.diff(table.indptr))
        columns = table.indices.astype(np.int64)
        right = truths.toarray()[rows, columns] > 0
        true = np.asarray(truths.sum(axis=1), dtype=float)
        return cls(rows, columns, table.data.astype(float), right, true, labels, blank, table.shape[1])

    def bins(self) -> Array:
        """Cells, summed probabilities and true cells of each bin, a row each."""
        place = np.minimum((self.probable * ROUNDED * BINS).astype(np.int64), BINS - 1)
        weights = (np.ones(len(place)), self.probable, self.right)
        found = np.array([np.bincount(place, of, BINS) for of in weights], dtype=float)
        found[:, 0] += len(self.labels) * self.width - len(place), 0, self.true.sum() - self.right.sum()
        return found

    def squares(self) -> float:
        """The summed squared errors; a cell without a probability has 0."""
        return float(((self.probable - self.right) ** 2).sum() + self.true.sum() - self.right.sum())

    def f1_of_thresholds(self) -> Array:
        """Images x `THRESHOLDS`."""
        width = len(THRESHOLDS) + 1
        reached = self.rows * width + np.searchsorted(THRESHOLDS, self.probable, side="right")
        size = len(self.labels)
        cells, right = (
            np.bincount(reached, of, size * width).reshape(size, width)[:, :0:-1].cumsum(axis=1)[:, ::-1]
            for of in (np.ones(len(reached)), self.right)
        )
        return self._f1(right, cells)

    def f1_of_ranking(self) -> Array:
        """The best F1 of each image; equal probabilities in the order of the columns."""
        order = np.lexsort((self.columns, -self.probable, self.rows))
        rows = self.rows[order]
        first = np.searchsorted(rows, np.arange(len(self.labels)))  # where the image's cells begin
        right = np.cumsum(self.right[order])
        before = np.concatenate([[0], right])[first]
        f1 = share(2.0 * (right - before[rows]), np.arange(len(rows)) - first[rows] + 1 + self.labels[rows])
        found = share(2 * self.blank, 1 + self.labels)  # of no concept at all
        np.maximum.at(found, rows, f1)
        return found

    def _f1(self, right: Array, cells: Array) -> Array:
        """F1 where some cells of each image are named; no cell is the label of an empty one."""
        right = np.where(cells > 0, right, self.blank[:, np.newaxis])
        return share(2 * right, np.maximum(cells, 1) + self.labels[:, np.newaxis])
