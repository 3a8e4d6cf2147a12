"""What filled sheets say: of every item the mean and the levels of each system, differences, and the raters' agreement.

A system's value of a study is the mean over its raters; intervals and tests resample studies, as everywhere:

    found = results(ratings, seed=0)
    found["items"]["errors"]["systems"]["knn"]["mean"]          # {"value": 0.62, "ci": [0.41, 0.84]}
    found["items"]["errors"]["agreement"]["gwet"]               # {"name": "AC2", "value": 0.71, "ci": [0.55, 0.83]}
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.bootstrap import intervals
from evaluation.comparison.paired import compare_all, holm
from evaluation.doubts import FEW
from evaluation.ratings.agreement import alpha, exact, gwet, kappa
from evaluation.ratings.items import Item
from evaluation.ratings.reading import Ratings
from evaluation.statistics import Array, Statistics

TRIALS = 1000
"""Resamples and swaps."""


def results(ratings: Ratings, *, seed: int) -> dict[str, Any]:
    """Everything as one JSON object; a number that cannot be computed is None."""
    found = {
        item.name: {
            "question": item.question,
            "mean_of": item.title,
            "systems": _systems(ratings, item, seed=seed),
            "differences": _differences(ratings, item, seed=seed),
            "agreement": _agreement(ratings, item, seed=seed),
        }
        for item in ratings.items
        if item.levels
    }
    return {
        "raters": list(ratings.raters),
        "studies": len(ratings.studies),
        "texts": len(ratings.key),
        "seed": seed,
        "items": found,
        "comments": _comments(ratings),
        "warnings": _warnings(ratings),
    }


def table_of(ratings: Ratings, item: Item) -> Array:
    """Texts in the order of the key x raters: the place of each level, NaN where there is none."""
    places = {level: place for place, level in enumerate(item.levels)}
    said = ratings.levels[item.name]
    cells = [
        [places[said[rater][code]] if code in said[rater] else np.nan for rater in ratings.raters]
        for code in ratings.key
    ]
    return np.array(cells, dtype=float)


def _by_study(ratings: Ratings, item: Item, system: str, scores: Array) -> Array:
    """The mean of a level's scores over the raters of each study's text; NaN where nobody rated it."""
    table = table_of(ratings, item)
    of_study = {text.study: row for row, text in zip(table, ratings.key.values(), strict=True) if text.system == system}
    means = []
    for study in ratings.studies:
        row = of_study.get(study, np.array([np.nan]))
        given = row[~np.isnan(row)].astype(int)
        means.append(scores[given].mean() if len(given) else np.nan)
    return np.array(means)


def _mean(ratings: Ratings, item: Item, system: str) -> Statistics:
    return Statistics.mean(_by_study(ratings, item, system, np.array(item.scores)))


def _systems(ratings: Ratings, item: Item, *, seed: int) -> dict[str, Any]:
    """Of each system the mean, and the share of each level."""
    found: dict[str, Any] = {}
    for system in ratings.systems:
        shares = [_by_study(ratings, item, system, row) for row in np.eye(len(item.levels))]
        measured = [_mean(ratings, item, system), *map(Statistics.mean, shares)]
        ends = intervals(measured, resamples=TRIALS, seed=seed)
        mean, *levels = [_said(one, ci) for one, ci in zip(measured, ends, strict=True)]
        n = int((~np.isnan(shares[0])).sum())
        found[system] = {"n": n, "mean": mean, "levels": dict(zip(item.levels, levels, strict=True))}
    return found


def _differences(ratings: Ratings, item: Item, *, seed: int) -> list[dict[str, Any]]:
    """Every other system's mean minus the first one's, where both were rated."""
    means = {system: _mean(ratings, item, system) for system in ratings.systems}
    baseline, *others = means
    others = [system for system in others if not np.isnan(means[system].value - means[baseline].value)]
    pairs = compare_all([[means[one]] for one in others], [means[baseline]], trials=TRIALS, seed=seed)
    adjusted = holm([pair.p_randomisation for [pair] in pairs])
    return [
        {
            "system": system,
            "baseline": baseline,
            "value": _number(pair.difference),
            "ci": [_number(end) for end in pair.ci],
            "p": pair.p_randomisation,
            "p_holm": p,
        }
        for system, [pair], p in zip(others, pairs, adjusted, strict=True)
    ]


def _agreement(ratings: Ratings, item: Item, *, seed: int) -> dict[str, Any]:
    """The coefficients of one item over all texts; empty with one rater."""
    if len(ratings.raters) < 2:
        return {}
    table, levels = table_of(ratings, item), len(item.levels)
    measured = [exact(table, levels=levels), gwet(table, levels=levels, ordered=item.ordered)]
    groups = [text.study for text in ratings.key.values()]
    ends = intervals(measured, resamples=TRIALS, seed=seed, groups=groups)
    same, corrected = [_said(one, ci) for one, ci in zip(measured, ends, strict=True)]
    weighted = "quadratic weights" if item.ordered else "unweighted"
    return {
        "exact": {"name": "exact agreement", **same},
        "gwet": {"name": f"Gwet's AC2, {weighted}" if item.ordered else "Gwet's AC1", **corrected},
        "kappa": {
            "name": f"Cohen's kappa, {weighted}" + (", mean of pairs" if len(ratings.raters) > 2 else ""),
            "value": _number(kappa(table, levels=levels, ordered=item.ordered)),
        },
        "alpha": {
            "name": f"Krippendorff's alpha, {'ordinal' if item.ordered else 'nominal'}",
            "value": _number(alpha(table, ordered=item.ordered)),
        },
    }


def _comments(ratings: Ratings) -> list[dict[str, str]]:
    """The free texts, and whose text they are about."""
    return [
        {"item": item.name, "rater": rater, "code": code, **_whose(ratings, code), "text": said}
        for item in ratings.items
        if not item.levels
        for rater in ratings.raters
        for code, said in ratings.levels[item.name][rater].items()
    ]


def _whose(ratings: Ratings, code: str) -> dict[str, str]:
    return {"system": ratings.key[code].system, "study": ratings.key[code].study}


def _warnings(ratings: Ratings) -> list[str]:
    found = []
    if len(ratings.studies) < FEW:
        found.append(
            f"only {len(ratings.studies)} studies: below {FEW} the intervals are wide and still too optimistic"
        )
    if len(ratings.raters) < 2:
        found.append("one rater: nothing can be said of agreement")
    for item in ratings.items:
        table = table_of(ratings, item) if item.levels else np.zeros((0, 0))
        if empty := int(np.isnan(table).sum()):
            found.append(f"{item.name}: {empty} of {table.size} ratings are missing; they are left out")
    return found


def _said(one: Statistics, ci: tuple[float, float]) -> dict[str, Any]:
    return {"value": _number(one.value), "ci": [_number(end) for end in ci]}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
