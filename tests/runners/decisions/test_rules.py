"""Each rule against a search that tries everything, and F1 against that of the evaluation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics.concept_f1 import image_f1
from runners.decisions.calibration import fit_calibration
from runners.decisions.cases import Cases, candidates_of
from runners.decisions.expected_f1 import ExpectedF1, expected_f1, fit_expected_f1
from runners.decisions.per_concept import _State, fit_per_concept
from runners.decisions.simple import Threshold, TopK, fit_threshold, fit_top_k
from runners.decisions.truths import truths_of
from runners.decisions.tune import Rule, decide
from tasks.nouns import InputError
from tasks.probabilities import Probabilities
from tests.runners.decisions.cases_of_chance import calibrated, cases_from, noise

CUIS = tuple(f"C{n}" for n in range(6))
CELL = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.75, 1.0])
IMAGES = st.lists(
    st.tuples(st.lists(CELL, min_size=6, max_size=6), st.sets(st.sampled_from([*CUIS, "C98", "C99"]), min_size=1)),
    min_size=1,
    max_size=8,
)


def given_images(images: list[tuple[list[float], set[str]]]) -> tuple[Probabilities, dict[str, tuple[str, ...]]]:
    ids = tuple(f"i{n}" for n in range(len(images)))
    table = np.array([cells for cells, _ in images])
    return Probabilities(ids, CUIS, table), {i: tuple(t) for i, (_, t) in zip(ids, images, strict=True)}


def mean_f1(p: Probabilities, references: dict[str, tuple[str, ...]], rule: Rule) -> float:
    """By the evaluation's own formula, from the answers."""
    answers = decide(p, rule)
    return float(
        np.mean([image_f1(frozenset(references[i]), frozenset(a)) for i, a in zip(p.ids, answers, strict=True)])
    )


@settings(max_examples=80, deadline=None)
@given(IMAGES, st.sampled_from([0.05, 0.1, 0.3, 0.5, 1.0]))
def test_f1_is_that_of_the_evaluation(images: list[tuple[list[float], set[str]]], threshold: float) -> None:
    p, references = given_images(images)
    cases = cases_from(p, references)
    for rule in (Threshold(threshold=threshold), TopK(k=3)):
        assert cases.f1(rule.choose(cases)).mean() == pytest.approx(mean_f1(p, references, rule), abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(IMAGES)
def test_no_threshold_and_no_k_is_better(images: list[tuple[list[float], set[str]]]) -> None:
    p, references = given_images(images)
    cases = cases_from(p, references)
    tried = [mean_f1(p, references, Threshold(threshold=t)) for t in (0.0, 0.05, 0.2, 0.4, 0.6, 0.9, 2.0)]
    assert mean_f1(p, references, fit_threshold(cases)) == pytest.approx(max(tried), abs=1e-12)
    tried = [mean_f1(p, references, TopK(k=k)) for k in range(1, 8)]
    assert mean_f1(p, references, fit_top_k(cases)) == pytest.approx(max(tried), abs=1e-12)


def by_enumeration(p: np.ndarray, outside: np.ndarray) -> list[float]:
    """Expected F1 of the first k for all k, over every set of truths."""
    found = np.zeros(len(p))
    for true in itertools.product([0, 1], repeat=len(p)):
        weight = np.prod(np.where(true, p, 1 - p))
        for more, share in enumerate(outside):
            for k in range(1, len(p) + 1):
                found[k - 1] += weight * share * 2 * sum(true[:k]) / (k + sum(true) + more)
    return found.tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 1), max_size=7), min_size=1, max_size=4),
    st.lists(st.floats(0.01, 1), min_size=1, max_size=4),
)
def test_expected_f1_is_that_of_all_sets_of_truths(rows: list[list[float]], shares: list[float]) -> None:
    outside = np.array(shares) / sum(shares)
    table = np.zeros((len(rows), 7))
    for row, cells in zip(table, rows, strict=True):
        row[: len(cells)] = sorted(cells, reverse=True)
    for row, found in zip(table, expected_f1(table, outside), strict=True):
        n = int((row > 0).sum())
        np.testing.assert_allclose(found[:n], by_enumeration(row[:n], outside), atol=1e-12)


def test_the_first_k_are_the_best_set_of_k() -> None:
    p = np.array([0.8, 0.55, 0.5, 0.3, 0.2])
    best = expected_f1(p[None], np.array([1.0]))[0].max()
    for k in range(1, 6):
        for chosen in itertools.combinations(range(5), k):
            order = [*chosen, *(n for n in range(5) if n not in chosen)]
            assert by_enumeration(p[order], np.array([1.0]))[k - 1] <= best + 1e-12


def test_the_plug_in_rule_beats_one_threshold_on_calibrated_probabilities() -> None:
    p, references = calibrated(4000, 12, seed=0)
    cases = cases_from(p, references)
    rule = fit_expected_f1(cases)
    # Exact here: no k for any image expects more, so the mean lies above that of every other rule but for chance.
    assert mean_f1(p, references, rule) > mean_f1(p, references, fit_threshold(cases)) + 0.002
    best = expected_f1(candidates_of(p).values, np.array(rule.outside)).max(axis=1).mean()
    assert mean_f1(p, references, rule) == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_calibration_finds_the_true_probabilities(power: float) -> None:
    p, references = calibrated(6000, 10, seed=1, power=power)
    cases = cases_from(p, references)
    found = fit_calibration(cases).apply(cases)
    true = np.where(cases.values > 0, cases.values ** (1 / power), 0)
    assert np.abs(found - true)[true > 0.02].max() < 0.12
    assert np.abs(found - true).mean() < 0.01


def test_a_concept_that_is_told_too_often_is_taken_back() -> None:
    p, references = calibrated(3000, 8, seed=2)
    table = p.matrix.toarray()
    table[:, 3] = np.minimum(1, 3 * table[:, 3])
    fitted = fit_calibration(cases_from(Probabilities(p.ids, p.cuis, table), references))
    others = [factor for cui, factor in fitted.factors.items() if cui != "C0003"]
    assert fitted.factors["C0003"] < 0.75 * min(others)
    assert min(others) > 0.85


def test_answers_alone_can_be_calibrated() -> None:
    ids = tuple(f"i{n}" for n in range(60))
    p = Probabilities(ids, ("C1", "C2"), [[1, n % 2] for n in range(60)])
    rule = fit_expected_f1(cases_from(p, {i: ("C1", "C2") if n == 0 else ("C1",) for n, i in enumerate(ids)}))
    assert decide(p, rule) == [("C1",)] * 60


def test_thresholds_per_concept_help_where_scales_differ_and_shrink_where_images_are_few() -> None:
    p, references = calibrated(3000, 8, seed=3)
    table = p.matrix.toarray()
    table[:, ::2] **= 3
    p = Probabilities(p.ids, p.cuis, table)
    cases = cases_from(p, references)
    own = fit_per_concept(cases, min_support=20)
    common = fit_threshold(cases)
    assert mean_f1(p, references, own) > mean_f1(p, references, common) + 0.02
    low, high = own.thresholds["C0002"], own.thresholds["C0003"]
    assert low < common.threshold < high
    distances = [
        abs(np.log(fit_per_concept(cases, min_support=n).thresholds["C0003"] / common.threshold)) for n in (5, 50, 200)
    ]
    assert distances == sorted(distances, reverse=True)
    assert fit_per_concept(cases, min_support=10_000).thresholds == {}


def test_an_image_always_gets_its_most_probable_concept() -> None:
    p = Probabilities(("a", "b"), ("C1", "C2"), [[0.01, 0.02], [0, 0]])
    cases = cases_from(p, {"a": ("C1",), "b": ("C2",)})
    rules: list[Rule] = [Threshold(threshold=0.9), TopK(k=1), fit_per_concept(cases, min_support=1)]
    rules.append(ExpectedF1(calibration=fit_calibration(cases), outside=(1.0,)))
    assert [decide(p, rule)[1] for rule in rules] == [()] * 4
    assert [len(decide(p, rule)[0]) for rule in rules[:2]] == [1, 1]
    assert decide(p, rules[0])[0] == ("C2",)
    assert all(decide(p, rule)[0] for rule in rules)


def test_no_more_than_the_evaluators_take() -> None:
    cuis = tuple(f"C{n:04}" for n in range(150))
    p = Probabilities(("a",), cuis, [np.linspace(0.2, 0.9, 150)])
    assert decide(p, Threshold(threshold=0.0)) == [cuis[50:]]


def test_candidates_are_in_order(tmp_path: object) -> None:
    p, _ = noise(9000, 7, seed=0)  # more images than are sorted at once
    found = candidates_of(p)
    table = p.matrix.toarray()
    assert (np.diff(found.values, axis=1) <= 0).all()
    np.testing.assert_array_equal(
        found.values, -np.sort(-np.where(table < 1 / 1024, 0, table).astype(np.float16), axis=1)
    )
    np.testing.assert_array_equal(
        np.take_along_axis(table, found.columns, axis=1).astype(np.float16)[found.values > 0],
        found.values[found.values > 0],
    )


def test_truths_count_what_has_no_column_and_refuse_what_is_missing() -> None:
    p = Probabilities(("a", "b"), ("C1", "C2"), [[0.5, 0.5], [0.5, 0.5]])
    truths = truths_of({"a": ("c2", " C9", "C2"), "b": ("",), "x": ("C1",)}, p)
    assert truths.counts.tolist() == [2, 0]
    assert truths.matrix.toarray().tolist() == [[0, 1], [0, 0]]
    with pytest.raises(InputError, match="no reference concepts of 1 of 2 images, such as b"):
        truths_of({"a": ("C1",)}, p)
    with pytest.raises(InputError, match="all empty"):
        truths_of({"a": (), "b": ("",)}, p)


def test_rows_of_cases_are_those_of_the_images() -> None:
    p, references = calibrated(50, 6, seed=0)
    rows = np.array([3, 40, 7])
    part: Cases = cases_from(p, references).rows(rows)
    alone = cases_from(p.rows([p.ids[n] for n in rows]), references)
    for name in ("values", "columns", "hits", "counts"):
        np.testing.assert_array_equal(getattr(part, name), getattr(alone, name))


@settings(max_examples=60, deadline=None)
@given(IMAGES)
def test_no_threshold_of_one_concept_is_better(images: list[tuple[list[float], set[str]]]) -> None:
    cases = cases_from(*given_images(images))
    chosen = Threshold(threshold=0.3).choose(cases)
    state = _State(cases, chosen)
    own = (cases.columns == 2) & (cases.values > 0)
    own[:, 0] = False
    cells = np.flatnonzero(own)
    if not len(cells):
        return
    cells = cells[np.argsort(-cases.values.ravel()[cells], kind="stable")]
    tried = [cases.f1(np.where(own, cases.values >= t, chosen)).mean() for t in (0.05, 0.2, 0.4, 0.6, 0.9, 2.0)]
    best = state.best(cells)
    now = np.where(own, cases.values >= best, chosen)
    assert cases.f1(now).mean() == pytest.approx(max(tried[:-1]) if (cases.values[own] == 1).any() else max(tried))
    state.set(cells, best)
    assert state.sizes.tolist() == now.sum(axis=1).tolist()
    assert state.both.tolist() == (now & cases.hits).sum(axis=1).tolist()
