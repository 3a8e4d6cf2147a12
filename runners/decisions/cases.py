"""Images as the rules see them: the most probable concepts of each, the most probable first, and which are true.

    cases = cases_of(p, truths)
    cases.values[0], cases.hits[0], cases.counts[0]      # [0.9, 0.6, 0.], [True, False, False], 2
    cases.f1(cases.values >= 0.5)                        # the F1 of each image when these are chosen

A choice is a table of booleans of the shape of `values`. An image has at most 100 candidates, since the evaluators take
no more CUIs. Probabilities are rounded to float16, as they are stored: a file and the table it was written from are
decided alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runners.decisions.truths import Truths
from tasks.concepts import MOST
from tasks.probabilities import LEAST, Probabilities

_ROWS = 4096
"""Images sorted at once: few enough for a sort key of 32 bits."""
Chosen = NDArray[np.bool_]
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The concepts that may be chosen for each image."""

    values: NDArray[np.float32]
    """Images x places: probabilities in descending order, 0 where there are no more candidates."""
    columns: NDArray[np.int32]
    """Images x places: the column of each; 0 where there are no more candidates."""
    cuis: tuple[str, ...]
    """Concept of each column."""

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Cases(Candidates):
    """Candidates of images whose true concepts are known."""

    hits: NDArray[np.bool_]
    """Images x places: the candidate is true."""
    counts: NDArray[np.int64]
    """True concepts of each image, those that are no candidate too."""

    def rows(self, rows: NDArray[np.intp]) -> Cases:
        """These images."""
        return Cases(self.values[rows], self.columns[rows], self.cuis, self.hits[rows], self.counts[rows])

    def f1(self, chosen: Chosen) -> Scores:
        """F1 of each image."""
        both, either = (chosen & self.hits).sum(axis=1), chosen.sum(axis=1) + self.counts
        scores: Scores = np.divide(2.0 * both, either, out=np.zeros(len(both)), where=either > 0)
        return scores

    @property
    def f1_of_first(self) -> Scores:
        """Images x places: F1 when the candidates up to this place are chosen."""
        places = np.arange(1, self.values.shape[1] + 1)
        return 2.0 * np.cumsum(self.hits, axis=1) / (self.counts[:, None] + places)


def candidates_of(p: Probabilities) -> Candidates:
    """The candidates of each row; equal probabilities stand in the order of their CUIs."""
    matrix = p.matrix
    sizes = np.diff(matrix.indptr)
    places = int(min(MOST, max(1, sizes.max(initial=1))))
    values = np.zeros((len(p), places), dtype=np.float32)
    columns = np.zeros((len(p), places), dtype=np.int32)
    for start in range(0, len(p), _ROWS):
        end = min(start + _ROWS, len(p))
        part = slice(matrix.indptr[start], matrix.indptr[end])
        rounded = np.where(matrix.data[part] < LEAST, 0, matrix.data[part])
        rows = np.repeat(np.arange(end - start, dtype=np.int32), sizes[start:end])
        order = np.argsort(rows * 65536 + (65535 - bits(rounded)), kind="stable")
        place = np.arange(len(order)) - np.repeat(matrix.indptr[start:end] - matrix.indptr[start], sizes[start:end])
        kept = (place < places) & (rounded[order] > 0)
        at = rows[kept] + start, place[kept]
        values[at] = rounded[order][kept].astype(np.float16)
        columns[at] = matrix.indices[part][order][kept]
    return Candidates(values, columns, p.cuis)


def bits(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """The bits of each as a float16, which of positive numbers are ordered as the numbers are; of 1 they are 15360."""
    return values.astype(np.float16).view(np.uint16).astype(np.int32)


def cases_of(p: Probabilities, truths: Truths) -> Cases:
    """The candidates of each row with what is true of it."""
    found = candidates_of(p)
    width = max(1, len(p.cuis))
    keys = np.arange(len(p), dtype=np.int64)[:, None] * width + found.columns
    true = truths.matrix
    of_truth = np.repeat(np.arange(len(p), dtype=np.int64), np.diff(true.indptr)) * width + true.indices
    hits = np.isin(keys, of_truth) & (found.values > 0)
    return Cases(found.values, found.columns, p.cuis, hits, truths.counts)
