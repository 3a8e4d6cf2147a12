"""Tuning: what it promises of new images is what they give, and it shows what fits chance."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from runners.decisions.cases import Scores
from runners.decisions.config import Decision
from runners.decisions.folds import Rows, cross_validate, fold_of
from runners.decisions.intervals import interval
from runners.decisions.truths import truths_of
from runners.decisions.tune import decide, fitted_of, scores_of, tune
from tasks.nouns import InputError
from tasks.probabilities import Probabilities
from tests.runners.decisions.cases_of_chance import calibrated, cases_from, noise

RULES = ("threshold", "top_k", "per_concept", "expected_f1", "auto")


def decision(rule: str, **values: Any) -> Decision:
    return Decision.model_validate({"rule": rule, **values})


@pytest.mark.parametrize("rule", RULES)
def test_the_held_out_score_is_what_new_images_give(rule: str) -> None:
    p, references = calibrated(1500, 10, seed=4)
    tuned = tune(p, truths_of(references, p), decision(rule), seed=1)
    new, theirs = calibrated(4000, 10, seed=5)
    score = scores_of(cases_from(new, theirs), tuned.fitted).mean()
    low, high = tuned.interval(images=4000)
    assert low < score < high
    assert tuned.score_held_out == pytest.approx(tuned.held_out.mean())
    assert len(tuned.held_out) == 1500


def test_the_gap_shows_what_fits_chance_and_goes_with_the_number_of_images() -> None:
    gaps = []
    for images in (60, 600, 6000):
        p, references = noise(images, 40, seed=6)
        gaps.append(tune(p, truths_of(references, p), decision("per_concept", min_support=1), seed=0).gap)
    assert gaps[0] > 0.03
    assert all(more > less for more, less in pairwise(gaps))
    assert abs(gaps[-1]) < 0.01
    p, references = noise(6000, 40, seed=7)
    assert abs(tune(p, truths_of(references, p), decision("threshold"), seed=0).gap) < 0.002


def test_support_keeps_thresholds_from_fitting_chance() -> None:
    p, references = noise(200, 60, seed=8)
    truths = truths_of(references, p)
    loose, strict = (tune(p, truths, decision("per_concept", min_support=n), seed=0) for n in (1, 60))
    assert strict.gap < loose.gap
    assert strict.score_held_out > loose.score_held_out - 0.005


def test_auto_takes_the_rule_that_holds_outside() -> None:
    p, references = calibrated(2500, 12, seed=0)
    assert tune(p, truths_of(references, p), decision("auto"), seed=0).fitted.rule == "expected_f1"


@pytest.mark.parametrize("rule", RULES[:4])
def test_a_fitted_rule_survives_json(rule: str) -> None:
    p, references = calibrated(300, 8, seed=0)
    tuned = tune(p, truths_of(references, p), decision(rule), seed=0)
    stored = json.loads(json.dumps(tuned.to_json()))
    again = fitted_of(stored["fitted"])
    assert again == tuned.fitted
    assert decide(p, again) == decide(p, tuned.fitted)
    assert stored["gap"] == pytest.approx(stored["score_tuned"] - stored["score_held_out"])
    assert f"{tuned.score_held_out:.4f} held out" in tuned.summary()


def test_what_is_no_fitted_rule_is_refused() -> None:
    for stored in ({}, {"rule": "threshold"}, {"rule": "magic"}, {"rule": "top_k", "k": 0}):
        with pytest.raises(InputError, match="no fitted decision rule"):
            fitted_of(stored)


def test_groups_stay_in_one_fold_and_folds_are_of_a_size() -> None:
    groups = [f"article {n // 3}" for n in range(90)] + ["large"] * 10
    fold = fold_of(groups, folds=4, seed=0)
    assert all(len({f for f, g in zip(fold, groups, strict=True) if g == group}) == 1 for group in set(groups))
    assert np.ptp(np.bincount(fold)) <= 3
    assert (fold_of(groups, folds=4, seed=0) == fold).all()
    assert (fold_of(groups, folds=4, seed=1) != fold).any()
    with pytest.raises(InputError, match="3 groups of images cannot make 5 folds"):
        fold_of([1, 1, 2, 3], folds=5, seed=0)


def test_images_of_other_groups_number_are_refused() -> None:
    p, references = calibrated(20, 3, seed=0)
    with pytest.raises(InputError, match="2 groups for 20 images"):
        tune(p, truths_of(references, p), decision("threshold"), groups=["a", "b"])


def test_copies_in_one_group_do_not_look_like_new_images() -> None:
    p, references = noise(40, 12, seed=9)
    ids = [i for i in p.ids for _ in range(4)]
    copies = type(p)(
        tuple(f"{i} {n}" for n, i in enumerate(ids)), p.cuis, p.rows(p.ids).matrix[np.repeat(range(40), 4)]
    )
    truths = truths_of({name: references[i] for name, i in zip(copies.ids, ids, strict=True)}, copies)
    apart = tune(copies, truths, decision("per_concept", min_support=1), seed=0)
    together = tune(copies, truths, decision("per_concept", min_support=1), groups=ids, seed=0)
    assert together.gap > 2 * apart.gap > 0
    low, high = apart.interval()
    wide = together.interval()
    assert wide[1] - wide[0] > 1.5 * (high - low)


def test_every_image_is_scored_without_its_fold() -> None:
    seen: list[set[int]] = []

    def learn(rows: Rows) -> Any:
        seen.append(set(rows.tolist()))
        return lambda asked: np.array([float(row in seen[-1]) for row in asked], dtype=float)

    checked = cross_validate(np.array([0, 1, 2, 0, 1]), learn)
    assert checked.held_out.tolist() == [0.0] * 5
    assert (checked.tuned, checked.gap) == (1.0, 1.0)
    assert seen == [{1, 2, 4}, {0, 2, 3}, {0, 1, 3, 4}]


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    covered = [0, 0]
    for _ in range(60):
        sample: Scores = random.beta(1, 3, size=100)
        new = random.beta(1, 3, size=50).mean()
        for n, ((low, high), value) in enumerate(((interval(sample), 0.25), (interval(sample, images=50), new))):
            covered[n] += low <= value <= high
    assert all(0.85 <= c / 60 <= 1 for c in covered)


@pytest.mark.parametrize("rule", RULES)
def test_probabilities_that_hold_nothing_give_empty_answers(rule: str) -> None:
    ids = tuple(f"i{n}" for n in range(12))
    references = dict.fromkeys(ids, ("C1",))
    for p in (
        Probabilities(ids, ("C1", "C2"), np.zeros((12, 2))),
        Probabilities(ids, (), np.zeros((12, 0))),
    ):
        tuned = tune(p, truths_of(references, p), decision(rule, folds=2))
        assert decide(p, tuned.fitted) == [()] * 12
        assert (tuned.score_held_out, tuned.gap) == (0, 0)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_decides_of_concepts_it_never_saw(rule: str) -> None:
    p, references = calibrated(200, 8, seed=0)
    tuned = tune(p, truths_of(references, p), decision(rule, min_support=5))
    asked = Probabilities(("new",), ("C0001", "C8888"), [[0.9, 0.95]])
    assert "C8888" in decide(asked, tuned.fitted)[0]
