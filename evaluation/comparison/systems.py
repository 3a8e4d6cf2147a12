"""Several systems on the same images: the scores of each, and whether the others differ from the first.

Every system is compared with the first, the baseline, on every score that all of them have, by the two paired tests of
`evaluation.comparison.paired` with one set of draws for all. The p values of approximate randomisation are adjusted for
the number of systems compared on the same metric (Holm, 1979):

    found = compare_systems({"base": base, "tuned": tuned}, gold, task=task, edition=edition, trials=1000, seed=0)
    [f1] = found.pairings
    f1.difference, f1.ci, f1.p_holm      # 0.0021, (-0.0032, 0.0071), 0.43
    f1.words()                           # "the difference of .002 in f1 is within noise (p = .43)"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from evaluation.comparison.paired import TIE, compare_all, holm
from evaluation.doubts import FEW
from evaluation.inputs.references import References
from evaluation.score import score_systems
from evaluation.scores import Score, Scores
from tasks.nouns import InputError, Value

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Pairing:
    """One system beside the baseline on one metric."""

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
    """`p_randomisation`, adjusted for the number of systems."""
    wins: int
    """Images on which the system is better than the baseline."""
    ties: int
    losses: int

    @property
    def significant(self) -> bool:
        """Whether the difference is more than noise at the level of 5 %."""
        return self.p_holm < ALPHA

    def words(self) -> str:
        """The outcome as a sentence."""
        verdict = "more than noise" if self.significant else "within noise"
        return f"the difference of {_short(abs(self.difference))} in {self.metric} is {verdict} ({said_p(self.p_holm)})"


@dataclass(frozen=True, slots=True)
class Comparisons:
    """The scores of several systems and their differences from the first."""

    names: tuple[str, ...]
    scores: tuple[Scores, ...]
    """Of each system, in the order of `names`."""
    pairings: tuple[Pairing, ...]
    """By metric in the order of the scores, then by system."""
    trials: int
    seed: int
    groups: int | None
    """How many patients or articles were drawn and swapped whole; None where images were."""
    warnings: tuple[str, ...]

    @property
    def unavailable(self) -> dict[str, str]:
        """Metric -> why at least one system has no score."""
        return {name: why for one in reversed(self.scores) for name, why in one.unavailable.items()}

    def to_json(self) -> dict[str, Any]:
        """The object that `imageclef compare --json` prints."""
        first = self.scores[0]
        systems = [
            {"name": name, "scores": {metric: score.to_json() for metric, score in one.scores.items()}}
            for name, one in zip(self.names, self.scores, strict=True)
        ]
        return {
            "task": first.task.value,
            "edition": first.edition,
            "profile": first.profile,
            "n": len(first.ids),
            "trials": self.trials,
            "seed": self.seed,
            "groups": self.groups,
            "systems": systems,
            "comparisons": [{**asdict(pairing), "ci": list(pairing.ci)} for pairing in self.pairings],
            "unavailable": self.unavailable,
            "warnings": list(self.warnings),
        }


def compare_systems(
    systems: Mapping[str, Mapping[str, Value]],
    gold: References,
    *,
    trials: int = 1000,
    seed: int = 0,
    said: Sequence[Sequence[str]] = (),
    **options: Any,
) -> Comparisons:
    """Score the systems by name and compare each with the first.

    `said` holds warnings of each system from elsewhere; the options are those of `score_systems`.
    """
    if len(systems) < 2:
        raise InputError("one system cannot be compared: give at least two submissions")
    names = tuple(systems)
    scores = score_systems(list(systems.values()), gold, resamples=trials, seed=seed, **options)
    groups = [gold.groups.get(i, i) for i in scores[0].ids] if gold.groups else None
    shared, alone = _metrics(names, scores)
    pairings = _pairings(names, scores, shared, trials=trials, seed=seed, groups=groups)
    n_groups = len(set(groups)) if groups else None
    warnings = _merged(
        names, [[*own, *one.warnings] for own, one in zip(said or [()] * len(names), scores, strict=True)]
    )
    if n_groups is not None and n_groups < FEW:
        warnings.append(f"only {n_groups} groups: below {FEW} the intervals are still too optimistic")
    if (least := (len(names) - 1) / (1 + trials)) >= ALPHA:
        warnings.append(f"with {trials} trials no p Holm can fall below {least:.2g}: --trials 1000 can tell")
    for here, there in combinations(names, 2):
        if systems[here] == systems[there]:
            warnings.append(f"{here} and {there} answer alike on every image: was one submission given twice?")
    return Comparisons(names, tuple(scores), pairings, trials, seed, n_groups, (*warnings, *alone))


def said_p(p: float) -> str:
    """A p value as papers write it."""
    return "p < .001" if p < 0.0005 else f"p = {_fraction(p, 2 if p >= 0.1 else 3)}"


def _short(size: float) -> str:
    """A number of at least 0 to three decimals, or its first digit where that is smaller."""
    size = 0.0 if size < TIE else size
    return _fraction(size, 3) if size >= 0.0005 or size == 0 else f"{size:.1g}".removeprefix("0")


def _fraction(number: float, decimals: int) -> str:
    return f"{number:.{decimals}f}".removeprefix("0") if number else "0"


def _metrics(names: Sequence[str], scores: Sequence[Scores]) -> tuple[list[str], list[str]]:
    """The scores that every system has, and what must be said of the others."""
    every = dict.fromkeys(metric for one in scores for metric in one.scores)
    missing = {m: [name for name, one in zip(names, scores, strict=True) if m not in one.scores] for m in every}
    alone = [f"{m} is not compared: {', '.join(without)} has no score" for m, without in missing.items() if without]
    return [m for m, without in missing.items() if not without], alone


def _pairings(
    names: Sequence[str],
    scores: Sequence[Scores],
    metrics: Sequence[str],
    *,
    trials: int,
    seed: int,
    groups: Sequence[str] | None,
) -> tuple[Pairing, ...]:
    if not metrics:
        return ()
    baseline, *others = ([one.scores[metric] for metric in metrics] for one in scores)
    found = compare_all(
        [[score.statistics for score in own] for own in others],
        [score.statistics for score in baseline],
        trials=trials,
        seed=seed,
        groups=groups,
    )
    return tuple(
        Pairing(
            baseline=names[0],
            system=name,
            metric=metric,
            difference=own[k].difference,
            ci=own[k].ci,
            p_bootstrap=own[k].p_bootstrap,
            p_randomisation=own[k].p_randomisation,
            p_holm=p,
            **_outcomes(score[k], baseline[k]),
        )
        for k, metric in enumerate(metrics)
        for name, own, score, p in zip(
            names[1:], found, others, holm([own[k].p_randomisation for own in found]), strict=True
        )
    )


def _outcomes(ours: Score, theirs: Score) -> dict[str, int]:
    """On how many images the first is better, equal and worse; images that do not count are left out."""
    gaps = ours.per_image - theirs.per_image
    counted = gaps[~np.isnan(gaps)]
    wins, losses = int((counted > TIE).sum()), int((counted < -TIE).sum())
    return {"wins": wins, "ties": len(counted) - wins - losses, "losses": losses}


def _merged(names: Sequence[str], warnings: Sequence[Sequence[str]]) -> list[str]:
    """The warnings of all systems: those that all share once, the others with the name of their system."""
    shared = list(dict.fromkeys(warning for warning in warnings[0] if all(warning in own for own in warnings)))
    rest = [
        f"{name}: {w}" for name, own in zip(names, warnings, strict=True) for w in dict.fromkeys(own) if w not in shared
    ]
    return [*shared, *rest]
