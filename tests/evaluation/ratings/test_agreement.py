"""Coefficients of agreement against published worked examples and against other programs' numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from evaluation.ratings.agreement import alpha, exact, gwet, kappa, quadratic
from evaluation.statistics import Array

_ = np.nan
FOUR_RATERS = np.array(
    [
        [1, 1, _, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [_, 5, 5, 5],
        [_, _, 1, 1],
        [_, _, 3, _],
    ]
)
"""Krippendorff (2011), example C; also table 2.10 and cac.raw4raters of Gwet's irrCAC for R."""


def crossed(counts: list[list[int]]) -> Array:
    """The ratings of a contingency table of two raters."""
    return np.array(
        [[i, j] for i, row in enumerate(counts) for j, n in enumerate(row) for _ in range(n)], dtype=np.float64
    )


ABSTRACTORS = crossed([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
"""cont3x3abstractors of irrCAC for R, from Gwet's handbook."""


def test_four_raters_with_gaps() -> None:
    table = FOUR_RATERS - 1
    assert exact(table, levels=5).value == pytest.approx(0.81818, abs=5e-6)
    assert gwet(table, levels=5, ordered=False).value == pytest.approx(0.77544, abs=5e-6)
    assert gwet(table, levels=5, ordered=True).value == pytest.approx(0.914, abs=5e-4)
    assert alpha(table, ordered=False) == pytest.approx(0.743, abs=5e-4)
    assert alpha(table, ordered=True) == pytest.approx(0.815, abs=5e-4)


def test_two_raters_of_the_handbook() -> None:
    assert exact(ABSTRACTORS, levels=3).value == pytest.approx(0.89)
    assert gwet(ABSTRACTORS, levels=3, ordered=False).value == pytest.approx(0.8493305, abs=5e-8)
    assert gwet(ABSTRACTORS, levels=3, ordered=True).value == pytest.approx(0.940, abs=5e-4)
    assert kappa(ABSTRACTORS, levels=3, ordered=False) == pytest.approx(0.7964094, abs=5e-8)
    assert kappa(ABSTRACTORS, levels=3, ordered=True) == pytest.approx(0.892, abs=5e-4)
    assert alpha(ABSTRACTORS, ordered=False) == pytest.approx(0.7972585, abs=5e-8)


def test_the_paradox_of_kappa_where_nearly_all_agree() -> None:
    """Gwet (2008), British Journal of Mathematical and Statistical Psychology 61, table 2: 118, 5, 2 and 0."""
    table = crossed([[118, 5], [2, 0]])
    assert kappa(table, levels=2, ordered=False) == pytest.approx(-0.0234, abs=5e-5)
    assert gwet(table, levels=2, ordered=False).value == pytest.approx(0.9408, abs=5e-5)


def test_two_observers_of_krippendorff() -> None:
    """Krippendorff (2011), example A."""
    table = np.array([[0, 1], [1, 1], [0, 1], [0, 0], [0, 0], [0, 1], [0, 0], [0, 0], [1, 0], [0, 0]], dtype=float)
    assert alpha(table, ordered=False) == pytest.approx(0.095, abs=5e-4)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40), st.booleans())
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]], ordered: bool) -> None:
    table = np.array(pairs, dtype=float)
    if len(np.unique(table)) < 2:
        return
    ours, theirs = table.T.astype(int)
    expected = cohen_kappa_score(ours, theirs, labels=range(4), weights="quadratic" if ordered else None)
    assert kappa(table, levels=4, ordered=ordered) == pytest.approx(expected)


def test_three_raters_are_the_mean_of_their_pairs() -> None:
    table = np.array([[0, 0, 1], [1, 1, 1], [0, 1, 0], [1, 1, 0], [0, 0, _]])
    pairs = [kappa(table[:, pair], levels=2, ordered=False) for pair in ([0, 1], [0, 2], [1, 2])]
    assert kappa(table, levels=2, ordered=False) == pytest.approx(np.mean(pairs))


def test_where_all_say_the_same_only_those_that_can_say_so_do() -> None:
    table = np.zeros((5, 2))
    assert exact(table, levels=3).value == gwet(table, levels=3, ordered=True).value == 1.0
    assert np.isnan(kappa(table, levels=3, ordered=True)) and np.isnan(alpha(table, ordered=True))
    alone = np.array([[0, _], [_, 1.0]])
    assert np.isnan(exact(alone, levels=2).value) and np.isnan(gwet(alone, levels=2, ordered=False).value)
    assert np.isnan(kappa(alone, levels=2, ordered=False)) and np.isnan(alpha(alone, ordered=False))


def test_quadratic_weights() -> None:
    assert quadratic(3).tolist() == [[1, 0.75, 0], [0.75, 1, 0.75], [0, 0.75, 1]]
