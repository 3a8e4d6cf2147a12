"""Calibration, thresholds and ranking against sums by hand and loops."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evaluation.concepts import probable
from evaluation.concepts.counts import labels_of
from evaluation.concepts.probable import THRESHOLDS, Weighed, f1_of_thresholds, weigh
from evaluation.metrics.concept_f1 import Labels, image_f1, numbered
from tasks.probabilities import Probabilities

CUIS = ("C1", "C2", "C3")
Cells = list[tuple[str, ...]]


def weighed(table: npt.NDArray[np.float32] | list[list[float]], truths: Cells) -> Weighed:
    p = Probabilities(tuple(f"i{n}" for n in range(len(truths))), CUIS, np.asarray(table))
    numbers = numbered(truths, [CUIS])
    labels = Labels.of(truths, numbers)
    return weigh(p, labels, skipped=np.zeros(labels.n, dtype=bool), cuis=labels_of(numbers))


def test_calibration_by_hand() -> None:
    found = weighed([[0.9, 0.2, 0.0], [0.8, 0.0, 0.25]], [("C1", "C2"), ("C3", "C9")])
    assert found.cells.tolist() == [2, 0, 2, 0, 0, 0, 0, 0, 1, 1]
    assert found.true.tolist() == [0, 0, 2, 0, 0, 0, 0, 0, 0, 1]
    assert found.probable[[0, 2, 8, 9]] == pytest.approx([0, 0.45, 0.8, 0.9])
    assert found.ece == pytest.approx((1.55 + 0.8 + 0.1) / 6)
    assert found.ece_from_tenth == pytest.approx((1.55 + 0.8 + 0.1) / 4)
    assert found.brier == pytest.approx((0.01 + 0.64 + 0.64 + 0.75**2) / 2)


def test_a_bound_stays_in_its_bin_when_it_is_rounded_to_float16() -> None:
    table = np.array([[0.1, 0.7, 0.9]]).astype(np.float16).astype(np.float32)
    assert (table[0, 0], np.flatnonzero(weighed(table, [("C1",)]).cells).tolist()) == (
        np.float32(0.099975586),
        [1, 7, 9],
    )


def test_a_true_cell_without_probability_counts() -> None:
    found = weighed([[0.0, 0.0, 0.0]], [("C1",)])
    assert (found.true[0], found.cells[0], found.brier) == (1, 3, 1.0)
    assert found.ece == pytest.approx(1 / 3)
    assert math.isnan(found.ece_from_tenth)


def test_the_curve_alone_is_that_of_all_and_leaves_out_the_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probable, "SLICE", 2)
    truths: Cells = [("C1",), ("C2", "C3"), ("C1", "C2"), ("",)]
    p = Probabilities(("a", "b", "c", "d"), CUIS, np.array([[0.9, 0.5, 0], [0.2, 0.6, 0.1], [0.4, 0, 0], [0.3, 0, 0]]))
    numbers = numbered(truths, [CUIS])
    labels, cuis, skipped = Labels.of(truths, numbers), labels_of(numbers), np.array([False, False, True, True])
    whole = weigh(p, labels, skipped=skipped, cuis=cuis)
    alone = f1_of_thresholds(p, labels, skipped=skipped, cuis=cuis)
    assert alone.tolist() == whole.f1.tolist() == whole.by_threshold[:2].mean(axis=0).tolist()


def test_thresholds_and_ranking_by_hand() -> None:
    found = weighed([[0.9, 0.5, 0.3], [0.2, 0.0, 0.1]], [("C1", "C3"), ("",)])
    at = {round(float(t), 2): f1 for t, f1 in zip(THRESHOLDS, found.by_threshold.T.tolist(), strict=True)}
    assert at[0.1] == [2 * 2 / 5, 0.0]
    assert at[0.4] == [2 * 1 / 4, 1.0]  # the second is empty on both sides: the same label
    assert at[0.91] == [0.0, 1.0]
    assert found.f1 == pytest.approx(found.by_threshold.mean(axis=0))
    assert found.best_threshold == 0.21 and found.f1.max() == pytest.approx((0.8 + 1) / 2)
    assert found.ranking.tolist() == [0.8, 1.0]


def test_skipped_images_count_nowhere_in_the_means() -> None:
    p = Probabilities(("a", "b"), CUIS, np.array([[0.9, 0, 0], [0.9, 0, 0]]))
    truths: Cells = [("C1",), ()]
    numbers = numbered(truths, [CUIS])
    labels = Labels.of(truths, numbers)
    found = weigh(p, labels, skipped=labels.nothing, cuis=labels_of(numbers))
    assert found.f1[10] == 1.0


TABLES = arrays.arrays(np.float32, (5, 3), elements=st.sampled_from([0, 0.05, 0.1, 0.3, 0.75, 1]).map(np.float32))
TRUTHS = st.lists(
    st.lists(st.sampled_from([*CUIS, "C9"]), max_size=4, unique=True).map(lambda cell: tuple(cell) or ("",)),
    min_size=5,
    max_size=5,
)


@given(TABLES, TRUTHS)
def test_slices_agree_with_a_loop_over_images(table: npt.NDArray[np.float32], truths: Cells) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probable, "SLICE", 2)
        found = weighed(table, truths)
    for row, true, by_threshold, best in zip(table, truths, found.by_threshold, found.ranking, strict=True):
        labels = frozenset(true)
        for threshold, value in zip(THRESHOLDS, by_threshold, strict=True):
            named = [cui for cui, p in zip(CUIS, row, strict=True) if p >= threshold]
            assert value == pytest.approx(image_f1(labels, frozenset(named or [""])))
        order = sorted((-float(p), cui) for cui, p in zip(CUIS, row, strict=True) if p > 0)
        cuts = [frozenset(cui for _, cui in order[:k]) or frozenset([""]) for k in range(len(order) + 1)]
        assert best == pytest.approx(max(image_f1(labels, cut) for cut in cuts))
        assert best >= by_threshold.max() - 1e-12
    assert found.cells.sum() == table.size
    assert found.true.sum() == sum(len({*true} & {*CUIS}) for true in truths)
    right = np.array([[cui in true for cui in CUIS] for true in truths])
    assert found.brier == pytest.approx(((table - right) ** 2).sum() / 5)
