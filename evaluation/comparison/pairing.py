"""Two systems side by side on one score: how far apart, what the tests say of it, and the outcome in words.

pairing.difference, pairing.ci, pairing.p_holm      # 0.0021, (-0.0032, 0.0071), 0.43
pairing.words()                                     # "the gain of .002 in f1 is noise (p = .43)"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.comparison.paired import TIE, Comparison, holm
from evaluation.statistics import Array

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Pairing:
    """One system beside another, its baseline, on one metric."""

    baseline: str
    system: str
    metric: str
    difference: float
    """Score of the system minus score of the baseline."""
    ci: tuple[float, float]
    """The 95 % interval of the difference."""
    p_bootstrap: float
    p_randomisation: float
    p_holm: float
    """`p_randomisation`, adjusted for the number of comparisons on the same metric."""
    wins: int
    """Images on which the system is better than the baseline."""
    ties: int
    losses: int

    @property
    def significant(self) -> bool:
        """Whether the difference is more than noise at the level of 5 %."""
        return self.p_holm < ALPHA

    @property
    def better(self) -> str:
        """The system that is better by more than noise; empty when neither is."""
        if not self.significant:
            return ""
        return self.system if self.difference > 0 else self.baseline

    def words(self) -> str:
        """The outcome as a sentence, without the names of the two."""
        if abs(self.difference) < TIE:
            return f"there is no difference in {self.metric} ({said_p(self.p_holm)})"
        which = "gain" if self.difference > 0 else "loss"
        verdict = "more than noise" if self.significant else "noise"
        return f"the {which} of {_short(abs(self.difference))} in {self.metric} is {verdict} ({said_p(self.p_holm)})"

    def to_json(self) -> dict[str, Any]:
        """The object in `--json`."""
        return {**asdict(self), "ci": list(self.ci)}


@dataclass(frozen=True, slots=True)
class Side:
    """One system on one metric, as a pairing needs it."""

    name: str
    per_image: Array


def pairings_of(metric: str, sides: Sequence[tuple[Side, Side]], tests: Sequence[Comparison]) -> list[Pairing]:
    """The pairings of one metric, each a system and its baseline; p is adjusted for their number."""
    adjusted = holm([test.p_randomisation for test in tests])
    return [
        Pairing(
            baseline=theirs.name,
            system=ours.name,
            metric=metric,
            difference=test.difference,
            ci=test.ci,
            p_bootstrap=test.p_bootstrap,
            p_randomisation=test.p_randomisation,
            p_holm=p,
            **_outcomes(ours.per_image, theirs.per_image),
        )
        for (ours, theirs), test, p in zip(sides, tests, adjusted, strict=True)
    ]


def said_p(p: float) -> str:
    """A p value as papers write it, with as many decimals as show on which side of the level it lies."""
    if p < 0.0005:
        return "p < .001"
    least = 2 if p >= 0.1 else 3
    return f"p = {_fraction(p, next(n for n in range(least, 20) if (round(p, n) < ALPHA) == (p < ALPHA)))}"


def _short(size: float) -> str:
    """A number above 0 to three decimals, or its first digit where that is smaller."""
    return _fraction(size, 3) if size >= 0.0005 else f"{size:.1g}".removeprefix("0")


def _fraction(number: float, decimals: int) -> str:
    return f"{number:.{decimals}f}".removeprefix("0")


def _outcomes(ours: Array, theirs: Array) -> dict[str, int]:
    """On how many images the first is better, equal and worse; images that do not count are left out."""
    gaps = ours - theirs
    counted = gaps[~np.isnan(gaps)]
    wins, losses = int((counted > TIE).sum()), int((counted < -TIE).sum())
    return {"wins": wins, "ties": len(counted) - wins - losses, "losses": losses}
