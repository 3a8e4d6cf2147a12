"""Several systems on the same images: the scores of each, and whether they differ.

Every system is compared with the first, the baseline, or with every other one, on every score that all of them have,
by the two paired tests of `evaluation.comparison.paired` with one set of draws for all. The p values of approximate
randomisation are adjusted for the number of comparisons on the same metric (Holm, 1979):

    found = compare_systems({"base": base, "tuned": tuned}, gold, task=task, edition=edition, trials=1000, seed=0)
    [f1] = found.pairings
    f1.difference, f1.ci, f1.p_holm      # 0.0021, (-0.0032, 0.0071), 0.43
    f1.words()                           # "the gain of .002 in f1 is noise (p = .43)"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from evaluation.comparison.breakdown import Breakdown, broken_down
from evaluation.comparison.grouping import grouping_of
from evaluation.comparison.paired import compare_pairs
from evaluation.comparison.pairing import ALPHA, Pairing, Side, pairings_of
from evaluation.doubts import FEW, merged
from evaluation.inputs.references import References
from evaluation.score import score_systems
from evaluation.scores import Scores
from evaluation.statistics import Array
from tasks.nouns import InputError, Value
from tasks.problems import counted


@dataclass(frozen=True, slots=True)
class Comparisons:
    """The scores of several systems and their differences."""

    names: tuple[str, ...]
    scores: tuple[Scores, ...]
    """Of each system, in the order of `names`."""
    pairings: tuple[Pairing, ...]
    """By metric in the order of the scores, then by baseline and system."""
    trials: int
    seed: int
    groups: int | None
    """How many patients or articles were drawn and swapped whole; None where images were."""
    warnings: tuple[str, ...]
    all_pairs: bool = False
    """Whether every system is compared with every other, or only with the first."""
    breakdowns: tuple[Breakdown, ...] = ()
    """The comparison of groups of images, such as those of a modality."""

    common: bool = False
    """Whether only the images that all systems answer are compared, though some answer more."""

    @property
    def comparisons(self) -> int:
        """How many pairs of systems are compared on each metric."""
        n = len(self.names)
        return n * (n - 1) // 2 if self.all_pairs else n - 1

    @property
    def metrics(self) -> tuple[str, ...]:
        """All scores that at least one system has, in the order of the table."""
        return tuple(dict.fromkeys(metric for one in self.scores for metric in one.scores))

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
            "all_pairs": self.all_pairs,
            "common": self.common,
            "systems": systems,
            "comparisons": [pairing.to_json() for pairing in self.pairings],
            "breakdowns": [one.to_json(self.names) for one in self.breakdowns],
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
    all_pairs: bool = False,
    by: Sequence[str] = (),
    common: bool = False,
    **options: Any,
) -> Comparisons:
    """Score the systems by name and compare each with the first, or every pair; groups of images, too, for each `by`.

    `said` holds warnings of each system from elsewhere, `common` says that the images are not all that some answer; the
    options are those of `score_systems`.
    """
    if len(systems) < 2:
        raise InputError("one system cannot be compared: give at least two submissions")
    names = tuple(systems)
    groupings = [grouping_of(kind, list(gold.values), gold) for kind in by]  # before the work, which may take hours
    scores = score_systems(list(systems.values()), gold, resamples=trials, seed=seed, **options)
    groups = [gold.groups.get(i, i) for i in scores[0].ids] if gold.groups else None
    pairs = [(there, here) for here, there in combinations(range(len(names)), 2) if all_pairs or here == 0]
    shared, alone = _metrics(names, scores)
    drawn: dict[str, Any] = {"pairs": pairs, "trials": trials, "seed": seed, "groups": groups}
    pairings = _pairings(names, scores, shared, **drawn)
    n_groups = len(set(groups)) if groups else None
    warnings = merged(
        names, [[*own, *one.warnings] for own, one in zip(said or [()] * len(names), scores, strict=True)]
    )
    if n_groups is not None and n_groups < FEW:
        warnings.append(f"only {counted(n_groups, 'group')}: below {FEW} the intervals are still too optimistic")
    breakdowns = tuple(broken_down(one, names, scores, metrics=shared, **drawn) for one in groupings)
    tests = {"": len(pairs), **{f" by {one.by}": len(one.groups) * len(pairs) for one in breakdowns}}
    warnings += [*_too_few_trials(tests, trials=trials), *_alike(systems), *alone]
    return Comparisons(
        names=names,
        scores=tuple(scores),
        pairings=pairings,
        trials=trials,
        seed=seed,
        groups=n_groups,
        warnings=tuple(warnings),
        all_pairs=all_pairs,
        breakdowns=breakdowns,
        common=common,
    )


def _metrics(names: Sequence[str], scores: Sequence[Scores]) -> tuple[list[str], list[str]]:
    """The scores that every system has, and what must be said of the others."""
    every = dict.fromkeys(metric for one in scores for metric in one.scores)
    missing = {m: [name for name, one in zip(names, scores, strict=True) if m not in one.scores] for m in every}
    alone = [f"{m} is not compared: {', '.join(without)} has no score" for m, without in missing.items() if without]
    return [m for m, without in missing.items() if not without], alone


def _too_few_trials(tests: Mapping[str, int], *, trials: int) -> Iterator[str]:
    """A warning for each family of tests, by where they are, in which no p can be small enough."""
    for where, number in tests.items():
        if (least := number / (1 + trials)) >= ALPHA:
            more = max(1000, 1000 * round(2 * number / ALPHA / 1000))
            yield f"with {trials} trials no p Holm{where} can fall below {least:.2g}: --trials {more} can tell"


def _alike(systems: Mapping[str, Mapping[str, Value]]) -> Iterator[str]:
    """A warning for every two systems whose answers are the same."""
    for (here, ours), (there, theirs) in combinations(systems.items(), 2):
        if ours == theirs:
            yield f"{here} and {there} answer alike on every image: was one submission given twice?"


def _pairings(
    names: Sequence[str],
    scores: Sequence[Scores],
    metrics: Sequence[str],
    *,
    pairs: Sequence[tuple[int, int]],
    trials: int,
    seed: int,
    groups: Sequence[str] | None,
) -> tuple[Pairing, ...]:
    if not metrics:
        return ()
    tests = compare_pairs(
        [[one.scores[metric].statistics for metric in metrics] for one in scores],
        pairs,
        trials=trials,
        seed=seed,
        groups=groups,
        resampled=[_resampled(one, metrics) for one in scores],
    )
    found: list[Pairing] = []
    for k, metric in enumerate(metrics):
        sides = [Side(name, one.scores[metric].per_image) for name, one in zip(names, scores, strict=True)]
        of_pairs = [(sides[here], sides[there]) for here, there in pairs]
        found += pairings_of(metric, of_pairs, [own[k] for own in tests])
    return tuple(found)


def _resampled(scores: Scores, metrics: Sequence[str]) -> list[Array]:
    found = [scores.scores[metric].resampled for metric in metrics]
    return [one for one in found if one is not None]
