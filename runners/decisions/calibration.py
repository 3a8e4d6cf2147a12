"""Probabilities made calibrated: of all concepts given 0.3, three of ten are true.

First all alike by beta calibration, which fits systems that are too sure and such that are not sure enough, at both
ends differently (Kull, Silva Filho & Flach, AISTATS 2017):

    p -> expit(a * log(p) - b * log(1 - p) + c),    a, b >= 0, by maximum likelihood on the tuning split

Then each concept by itself: it is multiplied by how often it was true over how often it was expected, each of the two
with 5 added, so that rare concepts stay nearly as they are (the mean of a gamma-Poisson model, Clayton & Kaldor 1987):

    calibration = fit_calibration(cases)
    calibration.apply(cases)[0]          # [0.71, 0.44, 0.]: no longer in descending order
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from runners.config import Section
from runners.decisions.cases import Candidates, Cases, bits

_EDGE = 1 / 2048
_PRIOR = 1.0
"""Weight of the belief that probabilities are calibrated already, in units of the likelihood."""
_ADDED = 5.0


class Calibration(Section):
    """How probabilities become calibrated ones."""

    a: Annotated[float, Field(ge=0)]
    b: Annotated[float, Field(ge=0)]
    c: float
    factors: dict[str, Annotated[float, Field(gt=0)]]
    """By CUI; 1 for a concept that is not here."""

    def apply(self, candidates: Candidates) -> NDArray[np.float32]:
        """Images x places; 0 where there is no candidate."""
        factors = np.array([self.factors.get(cui, 1.0) for cui in candidates.cuis] or [1.0])
        # Candidates are float16 numbers: all there are of them are fewer than an image's cells.
        places = bits(candidates.values)
        scaled = _scaled(_features(np.arange(places.max(initial=0) + 1)), np.array([self.a, self.b, self.c]))
        found = np.minimum(scaled[places] * factors[candidates.columns], 1 - _EDGE)
        return np.where(places > 0, found, 0).astype(np.float32)


def fit_calibration(cases: Cases) -> Calibration:
    """The calibration of the greatest likelihood, drawn slightly towards none."""
    present = cases.values > 0
    places = bits(cases.values[present])
    a, b, c = _fit_beta(np.bincount(places), np.bincount(places, weights=cases.hits[present]))
    plain = Calibration(a=a, b=b, c=c, factors={})
    width = max(1, len(cases.cuis))
    expected = np.bincount(cases.columns[present], weights=plain.apply(cases)[present], minlength=width)
    true = np.bincount(cases.columns[present], weights=cases.hits[present], minlength=width)
    factors = (true + _ADDED) / (expected + _ADDED)
    return plain.model_copy(update={"factors": dict(zip(cases.cuis, factors.tolist(), strict=False))})


def _fit_beta(number: NDArray[Any], true: NDArray[Any]) -> tuple[float, float, float]:
    """a, b and c, from how many candidates have each probability and how many of them are true."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    at = np.flatnonzero(number)
    features, number, true = _features(at), number[at], true[at]
    start = np.array([1.0, 1.0, 0.0])

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z, off = features @ x, x - start
        wrong = number * _scaled(features, x) - true
        value = (number * np.logaddexp(0, z) - true * z).sum() + _PRIOR / 2 * (off @ off)
        return float(value), features.T @ wrong + _PRIOR * off

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)])
    return float(found.x[0]), float(found.x[1]), float(found.x[2])


def _features(places: NDArray[np.int64]) -> NDArray[np.float64]:
    """log(p), -log(1 - p) and 1 of the float16 numbers with these bits."""
    p = np.clip(places.astype(np.uint16).view(np.float16).astype(float), _EDGE, 1 - _EDGE)
    return np.stack([np.log(p), -np.log(1 - p), np.ones_like(p)], axis=1)


def _scaled(features: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = 1 / (1 + np.exp(-(features @ x)))
    return scaled
