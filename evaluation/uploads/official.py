"""The names that official scores have here, and the values they can take.

official_scores(Task.CONCEPTS, 2026)                        # {"f1": (0.0, 1.0), "f1_secondary": (0.0, 1.0), ...}
check_score("f1", 57.8, task=Task.CONCEPTS, year=2026)      # InputError: ... 57.8 % is 0.578
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import inf, isfinite

from evaluation.profiles import SURROGATE, Profile, profile_of
from tasks.editions import load_edition
from tasks.nouns import InputError, Task

Range = tuple[float, float]
WIDER: Mapping[str, Range] = {
    "similarity": (0.0, 2.5),
    "bleurt": (-2.0, 2.0),
    "cider": (0.0, 10.0),
    "bertscore": (-1.0, 1.0),
    "bertscore_rexrank": (-1.0, 1.0),
    "semb": (-1.0, 1.0),
    "radcliq_v1_inverse": (-inf, inf),
}
"""Scores that may leave 0 to 1: 2.5 times a cosine, a regression, 10 times a cosine, cosines, the inverse of a sum."""


@cache
def official_scores(task: Task, year: int) -> dict[str, Range]:
    """Name -> lowest and highest value of what an organiser may publish, those that the edition ranks by first."""
    names = ("imageclef", "rexrank") if task is Task.REPORTS else ("imageclef",)
    profiles = [profile_of(name, task=task, edition=load_edition(year, task)) for name in names]
    ranges: dict[str, Range] = {}
    for profile in profiles:
        published = [name for name in profile.roles if SURROGATE not in name and name not in profile.on_request]
        for name in sorted(published, key=lambda name: profile.roles[name] == "extra"):
            ranges.setdefault(name, _range(name, profile))
    return ranges


@cache
def primary_of(task: Task, year: int) -> str:
    """The name of the score that the edition ranks by."""
    roles = profile_of("imageclef", task=task, edition=load_edition(year, task)).roles
    return next(name for name, role in roles.items() if role == "primary")


def check_score(name: str, value: float, *, task: Task, year: int) -> None:
    """InputError when the edition has no such score, or it cannot have this value."""
    known = official_scores(task, year)
    if name not in known:
        raise InputError(f"edition {year} of {task} has no score '{name}': use one of {', '.join(known)}")
    low, high = known[name]
    if not (low <= value <= high and isfinite(value)):
        percent = f": {value:g} % is {value / 100:g}" if high < value <= 100 * high else ""
        raise InputError(f"{name}={value:g} is out of range, {low:g} to {high:g}{percent}: write the official value")


def _range(name: str, profile: Profile) -> Range:
    """That of a score, or the mean of the ranges of the scores that it is the mean of."""
    parts = profile.composites.get(name)
    if parts is None:
        return WIDER.get(name, (0.0, 1.0))
    ranges = [_range(part, profile) for part in parts]
    return sum(low for low, _ in ranges) / len(parts), sum(high for _, high in ranges) / len(parts)
