"""Which members, and with which weights, make the best mean: a greedy selection, and a search over weights.

Both maximise the mean F1 per image that the best common threshold gives, exactly, on the images they are given. What
they find fits chance too, the more the more members and the fewer images; `tune_ensemble` tells how much.

Greedy selection adds, with replacement, the member that helps most, time after time, and keeps the best of the means on
its way (Caruana, Niculescu-Mizil, Crew & Ksikes, Ensemble selection from libraries of models, ICML 2004).

    stack = stack_of(members, truths)
    greedy(stack.rows(rows))        # {"knn": 2, "mlp": 1, "vlm": 0}
    weighted(stack.rows(rows))      # {"knn": 1, "mlp": 0.5, "vlm": 0}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runners.decisions.cases import Candidates, bits, candidates_of
from runners.decisions.folds import Rows
from runners.decisions.truths import Truths
from runners.ensemble.members import Members
from tasks.probabilities import Probabilities

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

_PLACES = 48
"""Concepts of an image that a search looks at: some ten times what an answer holds."""
_CELLS = 4_000_000
"""Cells of a dense part of a table, 16 MB."""
_STEPS, _PATIENCE = 30, 4
"""Members that are added at most, and how many of them without a better mean before it is given up."""
_ROUNDS = 5
_FACTORS = (0.0, 0.5, 2.0)
"""What a weight is multiplied by when it is tried anew."""
_ONE = 15360
"""The bits of 1 as float16."""


@dataclass(frozen=True, eq=False)
class Stack:
    """The members' probabilities of the concepts that are in question, side by side."""

    names: tuple[str, ...]
    values: NDArray[np.float32]
    """Members x images x places."""
    hits: NDArray[np.int32]
    """Images x places: 1 where the concept is true."""
    counts: NDArray[np.int64]
    """True concepts of each image."""

    def rows(self, rows: Rows) -> Stack:
        """These images."""
        return Stack(self.names, self.values[:, rows], self.hits[rows], self.counts[rows])

    def score(self, weighted_sum: NDArray[np.float32], total: float) -> float:
        """Mean F1 with the best threshold, when images x places are chosen by `weighted_sum / total`."""
        # One number holds probability and truth, so that a sort moves both.
        packed = np.sort(-2 * bits(weighted_sum / np.float32(total)) - self.hits, axis=1)
        packed = -packed
        sizes = np.arange(1, packed.shape[1] + 1, dtype=np.float32)
        f1 = 2 * np.cumsum(packed & 1, axis=1, dtype=np.float32) / (self.counts[:, None].astype(np.float32) + sizes)
        steps = np.diff(f1, axis=1)
        gained = np.bincount((packed[:, 1:] >> 1).ravel(), weights=steps.ravel(), minlength=_ONE + 2)
        gained[0] = 0  # what no member has is never chosen
        first = f1[packed[:, 0] > 1, 0].sum()  # the most probable concept is always chosen
        return float(first + np.cumsum(gained[::-1]).max()) / len(f1)


def stack_of(members: Members, truths: Truths) -> Stack:
    """The concepts that stand first with any member, up to 48 an image, and what each member makes of them."""
    names = tuple(members)
    found = _in_question(members)
    values = np.empty((len(names), *found.values.shape), dtype=np.float32)
    for n, p in enumerate(members.values()):
        _look_up(p.matrix, found, values[n])
    hits = np.empty(found.values.shape, dtype=np.float32)
    _look_up(truths.matrix, found, hits)
    return Stack(names, values, hits.astype(np.int32), truths.counts)


def greedy(stack: Stack) -> dict[str, float]:
    """How often each member was picked."""
    picked: list[int] = []
    total = np.zeros_like(stack.values[0])
    best_score, best = -1.0, 0
    for step in range(1, _STEPS + 1):
        scores = [stack.score(total + own, step) for own in stack.values]
        picked.append(int(np.argmax(scores)))
        total += stack.values[picked[-1]]
        if max(scores) > best_score:
            best_score, best = max(scores), step
        if step - best >= _PATIENCE:
            break
    return {name: float(picked[:best].count(n)) for n, name in enumerate(stack.names)}


def weighted(stack: Stack) -> dict[str, float]:
    """A weight for each member: from equal ones each is halved, doubled or dropped while that helps."""
    weights = np.ones(len(stack.names), dtype=np.float32)
    total = stack.values.sum(axis=0)
    best = stack.score(total, float(weights.sum()))
    for _ in range(_ROUNDS):
        before = best
        for n, own in enumerate(stack.values):
            for factor in _FACTORS:
                change = np.float32(weights[n] * (factor - 1) if weights[n] else factor / 2)
                if not change or not weights.sum() + change > 0:
                    continue
                score = stack.score(total + change * own, float(weights.sum() + change))
                if score > best:
                    best, weights[n] = score, weights[n] + change
                    total = total + change * own
        if best == before:
            break
    return {name: float(weight) for name, weight in zip(stack.names, weights, strict=True)}


def _in_question(members: Members) -> Candidates:
    """The concepts that are first with some member, then those that are second, and so on."""
    from scipy.sparse import csr_array

    first = next(iter(members.values()))
    best = csr_array(first.matrix.shape, dtype=np.float32)
    for p in members.values():
        found = candidates_of(p)
        rows, places = np.nonzero(found.values[:, :_PLACES])
        cells = (1 / (1 + places.astype(np.float32)), (rows, found.columns[rows, places]))
        best = best.maximum(csr_array(cells, shape=p.matrix.shape))
    found = candidates_of(Probabilities(first.ids, first.cuis, best))
    return Candidates(found.values[:, :_PLACES], found.columns[:, :_PLACES], first.cuis)


def _look_up(matrix: csr_array, found: Candidates, out: NDArray[np.float32]) -> None:
    """The numbers of a sparse table for these concepts, images x places; 0 where an image has no more."""
    rows = max(1, _CELLS // max(1, matrix.shape[1]))
    for start in range(0, len(found), rows):
        part = slice(start, start + rows)
        out[part] = np.take_along_axis(matrix[part].toarray(), found.columns[part].astype(np.int64), axis=1)
    out[found.values == 0] = 0
