"""A threshold for each concept that enough tuning images hold; the others keep the common one.

Every concept in turn gets the threshold that makes the mean F1 per image highest while the others stay as they are, in
two rounds. Left so, hundreds of thresholds fit the noise of a few hundred images. So a concept needs `min_support`
tuning images that hold it, and its threshold is drawn towards the common one: in logits it is the mean of the two, the
own one weighted by its images, the common one by `min_support`.

    fit_per_concept(cases, min_support=20)    # PerConcept(threshold=0.15, thresholds={"C0040405": 0.31, ...})
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from runners.config import Section
from runners.decisions.cases import Candidates, Cases, Chosen
from runners.decisions.simple import fit_threshold, with_first

_ROUNDS = 2
_REACH = 8
"""A threshold of its own lies above the common one divided by this; what is less probable is not looked at."""
_EDGE = 1 / 2048


class PerConcept(Section):
    """All concepts of at least their own threshold's probability, or the common one's."""

    rule: Literal["per_concept"] = "per_concept"
    threshold: Annotated[float, Field(ge=0)]
    thresholds: dict[str, Annotated[float, Field(ge=0)]]
    """By CUI, of the concepts that have their own."""

    def choose(self, candidates: Candidates) -> Chosen:
        """What is chosen of the candidates."""
        of_column = np.array([self.thresholds.get(cui, self.threshold) for cui in candidates.cuis] or [self.threshold])
        return with_first(candidates, candidates.values >= of_column[candidates.columns])


def fit_per_concept(cases: Cases, *, min_support: int) -> PerConcept:
    """The thresholds of the highest mean F1, each drawn towards the common one."""
    common = fit_threshold(cases)
    chosen = common.choose(cases)
    support = np.bincount(cases.columns[cases.hits], minlength=len(cases.cuis) or 1)
    open_cells = (support >= min_support)[cases.columns] & (cases.values > common.threshold / _REACH)
    open_cells[:, 0] = False  # the most probable concept of an image is always chosen
    cells = np.flatnonzero(open_cells)
    columns, values = cases.columns.ravel()[cells], cases.values.ravel()[cells]
    cells = cells[np.lexsort((-values, columns))]
    concepts, starts = np.unique(cases.columns.ravel()[cells], return_index=True)
    by_concept = np.split(cells, starts[1:]) if len(cells) else []
    state = _State(cases, chosen)
    thresholds: dict[str, float] = {}
    for _ in range(_ROUNDS):
        for concept, own in zip(concepts.tolist(), by_concept, strict=True):
            best = state.best(own)
            weight = support[concept] / (support[concept] + min_support)
            drawn = _expit(weight * _logit(best) + (1 - weight) * _logit(common.threshold))
            state.set(own, drawn)
            thresholds[cases.cuis[concept]] = drawn
    return PerConcept(threshold=common.threshold, thresholds=thresholds)


class _State:
    """How many concepts are chosen for each image and how many of them are true, while thresholds move."""

    def __init__(self, cases: Cases, chosen: Chosen) -> None:
        self.values, self.hits = cases.values.ravel(), cases.hits.ravel().astype(np.int64)
        self.places, self.counts = cases.values.shape[1], cases.counts
        self.sizes, self.both = chosen.sum(axis=1), (chosen & cases.hits).sum(axis=1)
        self.chosen = chosen.ravel().astype(np.int64)

    def best(self, cells: NDArray[np.intp]) -> float:
        """The best threshold of one concept, whose cells stand in descending order of their probability."""
        rows, hits, values = cells // self.places, self.hits[cells], self.values[cells]
        both = self.both[rows] - self.chosen[cells] * hits
        either = self.counts[rows] + self.sizes[rows] - self.chosen[cells]
        # An image has its first candidate and this one, so `either` is never 0.
        gained = np.cumsum(2 * (both + hits) / (either + 1) - 2 * both / either)
        gained[:-1][values[:-1] == values[1:]] = -np.inf  # equal probabilities come in together
        last = int(np.argmax(gained))
        if gained[last] <= 0:
            return float(values[0] + 1) / 2
        below = values[last + 1] if last + 1 < len(values) else 0.0
        return float(values[last] + below) / 2

    def set(self, cells: NDArray[np.intp], threshold: float) -> None:
        """Choose the concept where it is at least so probable."""
        rows, now = cells // self.places, (self.values[cells] >= threshold).astype(np.int64)
        change = now - self.chosen[cells]
        self.sizes[rows] += change  # an image has a concept once, so no row stands twice
        self.both[rows] += change * self.hits[cells]
        self.chosen[cells] = now


def _logit(p: float) -> float:
    p = min(max(p, _EDGE), 1 - _EDGE)
    return float(np.log(p / (1 - p)))


def _expit(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))
