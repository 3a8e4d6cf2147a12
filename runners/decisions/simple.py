"""The two simplest rules: one threshold for all concepts, and the k most probable ones.

Both are fitted exactly: every threshold and every k that makes a difference is tried. An image always gets its most
probable concept, since an empty answer has F1 0 whatever is true.

    fit_threshold(cases)    # Threshold(threshold=0.1499)
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from runners.config import Count, Section
from runners.decisions.cases import Candidates, Cases, Chosen, bits

_ABOVE = 15361
"""The bits of the float16 next above 1."""


class Threshold(Section):
    """All concepts of at least this probability."""

    rule: Literal["threshold"] = "threshold"
    threshold: Annotated[float, Field(ge=0)]

    def choose(self, candidates: Candidates) -> Chosen:
        """What is chosen of the candidates."""
        return with_first(candidates, candidates.values >= self.threshold)


class TopK(Section):
    """The k most probable concepts."""

    rule: Literal["top_k"] = "top_k"
    k: Count

    def choose(self, candidates: Candidates) -> Chosen:
        """What is chosen of the candidates."""
        return (candidates.values > 0) & (np.arange(candidates.values.shape[1]) < self.k)


def with_first(candidates: Candidates, chosen: Chosen) -> Chosen:
    """The same choice, with the most probable concept of each image that has any."""
    chosen = chosen & (candidates.values > 0)
    chosen[:, 0] = candidates.values[:, 0] > 0
    return chosen


def fit_threshold(cases: Cases) -> Threshold:
    """The threshold of the highest mean F1, halfway between the probabilities that it parts.

    Taking candidates one by one in the order of their probability, each changes its image's F1 by a known step; the
    sum of the steps down to a threshold is the sum of all F1 there.
    """
    steps = np.diff(cases.f1_of_first, axis=1, prepend=0.0)
    free = cases.values > 0
    free[:, 0] = False  # chosen at every threshold
    if not free.any():
        return Threshold(threshold=0.5)
    places = bits(cases.values[free])
    gained = np.cumsum(np.bincount(places, weights=steps[free], minlength=_ABOVE + 1)[::-1])[::-1]
    number = np.bincount(places, minlength=_ABOVE + 1)
    number[[0, _ABOVE]] = 1
    present = np.flatnonzero(number)
    lowest = max(1, int(np.searchsorted(present, np.argmax(gained))))  # of those taken
    between = present[lowest - 1 : lowest + 1].astype(np.uint16).view(np.float16)
    return Threshold(threshold=float(between.mean(dtype=float)))


def fit_top_k(cases: Cases) -> TopK:
    """The k of the highest mean F1."""
    # Past its last candidate an image gains nothing and loses nothing.
    last = np.maximum((cases.values > 0).sum(axis=1) - 1, 0)
    at = np.minimum(np.arange(cases.values.shape[1]), last[:, None])
    means = np.take_along_axis(cases.f1_of_first, at, axis=1).mean(axis=0)
    return TopK(k=int(np.argmax(means)) + 1)
