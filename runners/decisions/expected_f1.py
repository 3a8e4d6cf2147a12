"""The set of concepts whose expected F1 is highest, for each image: the exact plug-in rule.

Concepts are taken for independent of each other. Then the best set of k is that of the k most probable (Lewis, SIGIR
1995), and its expected F1 is the sum over s = 1..k of

    P(s of the first k are true) * 2s * E[1 / (k + s + number of true concepts beyond the first k)]

The first factor is built up place by place from the front, the last one from the back: with e(k, a) = E[1 / (a + number
beyond k)], e(k - 1, a) = p_k e(k, a + 1) + (1 - p_k) e(k, a). That is O(n^2) for n candidates (Ye, Chai, Lee & Chieu,
Optimizing F-measures: a tale of two approaches, ICML 2012; beta = 1). True concepts that are no candidate, because they
are rare or have no column, enter the start of e: how many an image has is counted on the tuning split.

The probabilities must be calibrated; `calibration.py` says how they are.

    expected_f1(np.array([[0.9, 0.4]]), np.array([1.0]))    # [[0.78, 0.747]]
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from runners.config import Section
from runners.decisions.calibration import Calibration, fit_calibration
from runners.decisions.cases import Candidates, Cases, Chosen

Table = NDArray[np.floating[Any]]
_IMAGES = 128
"""Images worked on at once: their tables fit into a processor's cache."""


class ExpectedF1(Section):
    """The k concepts that are most probable when calibrated, k chosen for each image."""

    rule: Literal["expected_f1"] = "expected_f1"
    calibration: Calibration
    outside: tuple[Annotated[float, Field(ge=0)], ...]
    """Share of the images that have 0, 1, 2, ... true concepts beside their candidates."""

    def choose(self, candidates: Candidates) -> Chosen:
        """What is chosen of the candidates."""
        calibrated = self.calibration.apply(candidates)
        order = np.argsort(-calibrated, axis=1, kind="stable")
        best = expected_f1(np.take_along_axis(calibrated, order, axis=1), np.array(self.outside)).argmax(axis=1)
        chosen = np.zeros(calibrated.shape, dtype=bool)
        np.put_along_axis(chosen, order, np.arange(calibrated.shape[1]) <= best[:, None], axis=1)
        return chosen & (candidates.values > 0)


def fit_expected_f1(cases: Cases) -> ExpectedF1:
    """The calibration, and how many true concepts are no candidates."""
    outside = np.bincount(cases.counts - cases.hits.sum(axis=1)) / len(cases)
    return ExpectedF1(calibration=fit_calibration(cases), outside=tuple(outside.tolist()))


def expected_f1(values: Table, outside: Table) -> Table:
    """Images x places: the expected F1 when the candidates up to this place are chosen.

    `values` are calibrated probabilities, images x places in descending order; `outside[r]` is the probability of r
    true concepts beside them.
    """
    found = np.zeros(values.shape, dtype=values.dtype)
    sizes = (values > 0).sum(axis=1)
    order = np.argsort(sizes)
    for start in range(0, len(values), _IMAGES):
        rows = order[start : start + _IMAGES]
        width = int(sizes[rows].max())
        found[rows, :width] = _of_block(np.ascontiguousarray(values[rows, :width].T), outside).T
    return found


def _of_block(p: Table, outside: Table) -> Table:
    """Places x images: the same for places x images."""
    n, images = p.shape
    q = 1 - p
    # hits[k, s]: the probability that s of the first k are true.
    hits = np.zeros((n + 1, n + 1, images), dtype=p.dtype)
    hits[0, 0] = 1
    for k in range(1, n + 1):
        np.multiply(hits[k - 1, : k + 1], q[k - 1], out=hits[k, : k + 1])
        hits[k, 1 : k + 1] += hits[k - 1, :k] * p[k - 1]
    a = np.arange(1, 2 * n + 1)
    start = (outside / (a[:, None] + np.arange(len(outside)))).sum(axis=1)
    inverse = np.repeat(start.astype(p.dtype)[:, None], images, axis=1)  # inverse[a - 1] is e(k, a)
    found = np.empty_like(p)
    for k in range(n, 0, -1):
        twice = 2 * np.arange(1, k + 1, dtype=p.dtype)
        found[k - 1] = np.einsum("s,si,si->i", twice, hits[k, 1 : k + 1], inverse[k : 2 * k])
        inverse = inverse[: 2 * k - 2] * q[k - 1] + inverse[1 : 2 * k - 1] * p[k - 1]
    return found
