"""Ensembles: the searches find what is there to be found, and the held-out score tells what they fit to chance."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from evaluation.metrics.concept_f1 import image_f1
from runners.decisions.config import Decision
from runners.decisions.simple import Threshold, fit_threshold
from runners.decisions.truths import truths_of
from runners.ensemble.combine import mean
from runners.ensemble.config import Ensemble
from runners.ensemble.members import certain
from runners.ensemble.search import greedy, stack_of, weighted
from runners.ensemble.tune import FittedEnsemble, decide_ensemble, fuse, tune_ensemble
from tasks.nouns import InputError
from tasks.probabilities import Probabilities
from tests.runners.decisions.cases_of_chance import References, calibrated, cases_from, noise

Members = dict[str, Probabilities]


def systems(images: int, *, good: int, bad: int, seed: int = 0) -> tuple[Members, References]:
    """Members that each see what is true through a noise of their own, and others that see nothing."""
    p, references = calibrated(images, 15, seed=seed)
    random = np.random.default_rng(seed + 100)
    true = np.array([[cui in references[i] for cui in p.cuis] for i in p.ids])

    def seen() -> Probabilities:
        logits = np.where(true, 0.4, -2.6) + 1.5 * random.standard_normal(true.shape)
        return Probabilities(p.ids, p.cuis, 1 / (1 + np.exp(-logits)))

    members = {f"good {n}": seen() for n in range(good)}
    return members | {f"bad {n}": noise(images, 15, seed=seed + n + 1)[0] for n in range(bad)}, references


def section(members: Members, combine: str, **values: Any) -> Ensemble:
    given = [{"name": name, "config": "x.yaml"} for name in members]
    return Ensemble.model_validate({"members": given, "combine": combine, **values})


def f1(answers: list[tuple[str, ...]], p: Probabilities, references: References) -> float:
    pairs = zip(p.ids, answers, strict=True)
    return float(np.mean([image_f1(frozenset(references[i]), frozenset(answer)) for i, answer in pairs]))


RULE = Decision(rule="threshold")


@pytest.mark.parametrize("seed", range(5))
def test_the_score_of_a_stack_is_that_of_the_best_threshold(seed: int) -> None:
    members, references = systems(40, good=2, bad=1, seed=seed)
    first = members["good 0"]
    members["none"] = Probabilities(first.ids, first.cuis, first.matrix * 0)
    weights = {"good 0": 2.0, "good 1": 1.0, "bad 0": 1.0}
    stack = stack_of(members, truths_of(references, first))
    total = sum(weights.get(name, 0) * values for name, values in zip(stack.names, stack.values, strict=True))
    cases = cases_from(mean(members, weights), references)
    best = cases.f1(fit_threshold(cases).choose(cases)).mean()
    assert stack.score(np.asarray(total, np.float32), 4.0) == pytest.approx(best, abs=1e-6)


def test_searches_leave_out_who_sees_nothing() -> None:
    members, references = systems(500, good=3, bad=3)
    stack = stack_of(members, truths_of(references, members["good 0"]))
    for found in (greedy(stack), weighted(stack)):
        total = sum(found.values())
        assert sum(weight for name, weight in found.items() if name.startswith("bad")) < 0.15 * total
        assert sum(weight > 0 for name, weight in found.items() if name.startswith("good")) == 3


def test_no_single_member_is_better_than_the_greedy_selection() -> None:
    members, references = systems(300, good=4, bad=2, seed=3)
    stack = stack_of(members, truths_of(references, members["good 0"]))
    found = greedy(stack)
    total = sum(found.get(name, 0) * values for name, values in zip(stack.names, stack.values, strict=True))
    score = stack.score(np.asarray(total, np.float32), sum(found.values()))
    assert score > max(stack.score(values, 1.0) for values in stack.values) + 0.02


@pytest.mark.parametrize("combine", ["mean", "rank_mean", "vote", "weighted", "greedy"])
def test_an_ensemble_beats_its_members_and_keeps_its_promise(combine: str) -> None:
    members, references = systems(600, good=4, bad=0)
    tuned = tune_ensemble(members, references, section(members, combine), RULE, seed=0)
    new, theirs = systems(3000, good=4, bad=0, seed=50)
    score = f1(decide_ensemble(new, tuned.fitted), new["good 0"], theirs)
    low, high = tuned.interval(images=3000)
    assert low < score < high
    cases = cases_from(new["good 0"], theirs)
    assert score > cases.f1(fit_threshold(cases).choose(cases)).mean() + 0.02
    stored = json.loads(json.dumps(tuned.to_json()))["fitted"]
    assert FittedEnsemble.model_validate(stored) == tuned.fitted


def test_the_gap_shows_a_search_among_many_that_say_nothing() -> None:
    members, references = systems(60, good=0, bad=15)
    few = tune_ensemble(members, references, section(members, "greedy"), RULE, seed=0)
    assert few.gap > 0.02
    members, references = systems(4000, good=0, bad=3)
    many = tune_ensemble(members, references, section(members, "greedy"), RULE, seed=0)
    assert abs(many.gap) < 0.008


def test_votes_are_counted() -> None:
    ids = tuple(f"i{n}" for n in range(10))
    cuis = ("C1", "C2", "C3")
    rows = {"a": [1, 1, 1], "b": [1, 1, 0], "c": [1, 0, 0]}
    members = {name: Probabilities(ids, cuis, [row] * 10) for name, row in rows.items()}
    references = dict.fromkeys(ids, cuis)
    for combine, votes, expected in [
        ("union", None, cuis),
        ("intersection", None, ("C1",)),
        ("vote", 2, ("C1", "C2")),
        ("vote", 3, ("C1",)),
    ]:
        tuned = tune_ensemble(members, references, section(members, combine, votes=votes), RULE)
        assert decide_ensemble(members, tuned.fitted) == [expected] * 10
    assert (
        decide_ensemble(members, tune_ensemble(members, references, section(members, "vote"), RULE).fitted)[0] == cuis
    )


def test_weights_of_the_config_count() -> None:
    members, references = systems(80, good=1, bad=1)
    given = [{"name": "good 0", "config": "x", "weight": 3}, {"name": "bad 0", "config": "y"}]
    ensemble = Ensemble.model_validate({"members": given, "combine": "mean"})
    tuned = tune_ensemble(members, references, ensemble, RULE)
    assert tuned.fitted.weights == {"good 0": 3, "bad 0": 1}
    np.testing.assert_allclose(
        fuse(members, tuned.fitted).matrix.toarray(),
        0.75 * members["good 0"].matrix.toarray() + 0.25 * members["bad 0"].matrix.toarray(),
        rtol=1e-5,
    )


def test_members_in_another_order_with_other_columns_and_more_images_give_the_same() -> None:
    members, references = systems(120, good=2, bad=0)
    ensemble, p = section(members, "greedy"), members["good 1"]
    tuned = tune_ensemble(members, references, ensemble, RULE)
    other = p.rows(p.ids[::-1]).columns([*p.cuis, "C7777"])
    again = tune_ensemble({**members, "good 1": other}, references, ensemble, RULE)
    assert again.fitted.weights == tuned.fitted.weights
    np.testing.assert_array_equal(again.held_out, tuned.held_out)


def test_members_that_do_not_fit_are_refused() -> None:
    members, references = systems(40, good=2, bad=0)
    ensemble = section(members, "mean")
    with pytest.raises(InputError, match="members good 0 for the ensemble of good 0, good 1"):
        tune_ensemble({"good 0": members["good 0"]}, references, ensemble, RULE)
    fitted = FittedEnsemble(
        combine="mean", weights={"good 0": 1, "good 1": 1}, thresholds={}, decision=Threshold(threshold=0.5)
    )
    with pytest.raises(InputError, match="member good 1 is missing"):
        decide_ensemble({"good 0": members["good 0"]}, fitted)
    short = members["good 1"].rows(members["good 1"].ids[:30])
    with pytest.raises(InputError, match="good 1 lacks 10 of 40 images"):
        tune_ensemble({**members, "good 1": short}, references, ensemble, RULE)
    nothing = {name: certain(dict.fromkeys(references, ())) for name in members}
    with pytest.raises(InputError, match="no member of good 0, good 1 has a concept"):
        tune_ensemble(nothing, references, ensemble, RULE)


@pytest.mark.parametrize("combine", ["mean", "rank_mean", "vote", "union", "intersection", "weighted", "greedy"])
def test_a_member_that_answers_nothing_and_one_of_answers_alone_can_take_part(combine: str) -> None:
    members, references = systems(60, good=1, bad=0)
    p = members["good 0"]
    answers = {i: tuple(c for c in references[i] if c in p.cuis)[:2] for i in p.ids}
    members |= {"answers": certain(answers), "none": certain(dict.fromkeys(p.ids, ()))}
    for rule in (RULE, Decision(rule="expected_f1"), Decision(rule="auto", folds=3)):
        tuned = tune_ensemble(members, references, section(members, combine), rule)
        assert len(decide_ensemble(members, tuned.fitted)) == 60
        assert 0 < tuned.score_held_out <= 1


def test_a_stack_holds_every_cell_once() -> None:
    p = Probabilities(("a", "b"), ("C1", "C2", "C3"), [[0.5, 0.25, 0.125], [0.5, 0, 0]])
    stack = stack_of({"p": p}, truths_of({"a": ("C1",), "b": ("C1", "C2")}, p))
    assert stack.values[0].sum(axis=1).tolist() == [0.875, 0.5]
    assert stack.hits.sum(axis=1).tolist() == [1, 1]
