"""The comparison again for each group of images, such as those of a modality, with p adjusted for all groups.

A score of a group is the score of its images alone (`evaluation.concepts.groups`); units are drawn within the group:

    found = broken_down(grouping, names, scores, metrics=["f1"], pairs=[(1, 0)], trials=1000, seed=0)
    ct = found.groups[0]
    ct.name, ct.n, ct.scores[1]["f1"].value, ct.pairings[0].p_holm     # "CT", 2104, 0.61, 0.02
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from evaluation.bootstrap import interval, resampled_scores
from evaluation.comparison.grouping import Grouping
from evaluation.comparison.paired import Comparison, compare_pairs
from evaluation.comparison.pairing import Pairing, Side, pairings_of
from evaluation.concepts.groups import Estimate
from evaluation.profiles import Role
from evaluation.scores import Scores

ROLES: tuple[frozenset[Role], ...] = (frozenset({"primary", "secondary"}), frozenset({"part"}), frozenset({"extra"}))
"""The scores of the first of these roles that there are some of are broken down."""


@dataclass(frozen=True, slots=True)
class Group:
    """The systems on some of the images."""

    name: str
    n: int
    scores: tuple[Mapping[str, Estimate], ...]
    """Of each system by metric; one that counts none of the images is left out."""
    pairings: tuple[Pairing, ...]
    """By metric, then as those of all images; `p_holm` is adjusted for those of all groups on the metric."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The comparison by group."""

    by: str
    how: str
    """Where an image's group is known from."""
    metrics: tuple[str, ...]
    groups: tuple[Group, ...]

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """An entry of `breakdowns` in `--json`."""
        return {
            "by": self.by,
            "how": self.how,
            "groups": [
                {
                    "name": group.name,
                    "n": group.n,
                    "systems": [
                        {"name": name, "scores": {m: {"value": v, "ci": list(ci)} for m, (v, ci) in own.items()}}
                        for name, own in zip(names, group.scores, strict=True)
                    ],
                    "comparisons": [pairing.to_json() for pairing in group.pairings],
                }
                for group in self.groups
            ],
        }


class _Measured(NamedTuple):
    """A group before p is adjusted; by metric."""

    n: int
    scores: dict[str, list[Estimate]]
    """Of each system."""
    sides: dict[str, list[tuple[Side, Side]]]
    tests: dict[str, list[Comparison]]


def broken_down(
    grouping: Grouping,
    names: Sequence[str],
    scores: Sequence[Scores],
    *,
    metrics: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    trials: int,
    seed: int,
    groups: Sequence[str] | None = None,
) -> Breakdown:
    """The comparison in each group of the images; `groups` names what is drawn as one, such as a patient."""
    chief = chief_metrics(scores[0], metrics)
    drawn: dict[str, Any] = {"pairs": pairs, "trials": trials, "seed": seed}
    measured = {
        name: _measured(names, scores, chief, places, groups=groups and [groups[place] for place in places], **drawn)
        for name, places in grouping.places(scores[0].ids).items()
    }
    pairings: dict[str, list[Pairing]] = {name: [] for name in measured}
    for metric in chief:
        having = [name for name, own in measured.items() if metric in own.tests]
        sides = [pair for name in having for pair in measured[name].sides[metric]]
        tests = [test for name in having for test in measured[name].tests[metric]]
        found = iter(pairings_of(metric, sides, tests))
        for name in having:
            pairings[name] += [next(found) for _ in pairs]
    return Breakdown(
        grouping.by,
        grouping.how,
        tuple(chief),
        tuple(
            Group(name, own.n, _by_system(own.scores, len(names)), tuple(pairings[name]))
            for name, own in measured.items()
        ),
    )


def chief_metrics(scores: Scores, metrics: Sequence[str]) -> list[str]:
    """Of these metrics the primary and secondary ones, without any the parts of them, without any all."""
    of_role = ([m for m in metrics if scores.scores[m].role in roles] for roles in ROLES)
    return next((found for found in of_role if found), [])


def _measured(
    names: Sequence[str],
    scores: Sequence[Scores],
    metrics: Sequence[str],
    places: Sequence[int],
    *,
    pairs: Sequence[tuple[int, int]],
    trials: int,
    seed: int,
    groups: Sequence[str] | None,
) -> _Measured:
    parts = {metric: [one.scores[metric].statistics.of_images(places) for one in scores] for metric in metrics}
    parts = {metric: own for metric, own in parts.items() if not any(math.isnan(one.value) for one in own)}
    measured = [[own[number] for own in parts.values()] for number in range(len(names))]
    flat = iter(resampled_scores([one for own in measured for one in own], resamples=trials, seed=seed, groups=groups))
    resampled = [[next(flat) for _ in own] for own in measured]
    tests = compare_pairs(measured, pairs, trials=trials, seed=seed, groups=groups, resampled=resampled)
    found = _Measured(len(places), {}, {}, {})
    for k, (metric, own) in enumerate(parts.items()):
        sides = [Side(name, one.per_image) for name, one in zip(names, own, strict=True)]
        found.sides[metric] = [(sides[here], sides[there]) for here, there in pairs]
        found.tests[metric] = [of_pair[k] for of_pair in tests]
        found.scores[metric] = [
            Estimate(one.value, interval(drawn[k], one.value, recentred=one.recentred))
            for one, drawn in zip(own, resampled, strict=True)
        ]
    return found


def _by_system(scores: Mapping[str, Sequence[Estimate]], n: int) -> tuple[dict[str, Estimate], ...]:
    return tuple({metric: own[number] for metric, own in scores.items()} for number in range(n))
