"""Head, torso and tail: where they are cut, and that they add up to the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.concepts.bands import BANDS, bands, bands_of
from evaluation.concepts.material import Material, material_of
from evaluation.inputs.references import References
from tasks.editions import load_edition
from tasks.nouns import Task

EDITION = load_edition(2026, Task.CONCEPTS)


def made(truths: list[list[str]], ours: list[list[str]], training: list[list[str]]) -> Material:
    gold = References({f"i{n}": tuple(cell) or ("",) for n, cell in enumerate(truths)})
    answers = {f"i{n}": tuple(cell) or ("",) for n, cell in enumerate(ours)}
    return material_of({"run": answers}, gold, edition=EDITION, training=[tuple(cell) for cell in training])


@pytest.mark.parametrize(
    ("support", "expected"),
    [
        ([0, 6, 3, 2, 1], [3, 0, 1, 2, 2]),  # 6 of 12 pass the first cut, 9 of 12 the second
        ([0, 1, 1, 1], [3, 0, 1, 2]),
        ([0, 5], [3, 0]),
        ([0, 0, 9, 1], [3, 3, 0, 2]),
        ([0, 2, 2, 1, 1], [3, 0, 1, 2, 2]),  # exactly at a third the next band begins
    ],
)
def test_cuts_stand_where_a_third_of_the_labels_is_reached(support: list[int], expected: list[int]) -> None:
    cuis = ["", *(f"C{n}" for n in range(1, len(support)))]
    assert bands_of(np.array(support), cuis).tolist() == expected


def test_concepts_as_frequent_are_taken_by_cui() -> None:
    assert bands_of(np.array([0, 1, 1, 1]), ["", "C9", "C1", "C5"]).tolist() == [3, 2, 0, 1]


def test_the_numbers_of_each_band() -> None:
    training = [["C1", "C2", "C3"]] + [["C1"]] * 2 + [["C2"]]  # 3, 2, 1 of 6 labels: one concept in each band
    truths = [["C1", "C2"], ["C1", "C9"], ["C3"], []]
    ours = [["C1"], ["C1", "C2"], ["C1"], []]
    head, torso, tail, unseen = bands(made(truths, ours, training))
    assert [one.name for one in (head, torso, tail, unseen)] == list(BANDS)
    assert (head.concepts, head.support, head.training_share, head.true_share) == (1, (3, 3), 0.5, 0.4)
    assert (head.true, head.predicted, head.both) == (2, 3, 2)
    assert (head.precision, head.recall, head.f1_micro, head.f1) == (2 / 3, 1.0, 0.8, 1.0)
    assert (torso.true, torso.predicted, torso.both, torso.f1, torso.ci) == (1, 1, 0, 0.0, (0.0, 0.0))
    assert (tail.true, tail.predicted, tail.precision, tail.recall) == (1, 0, None, 0.0)
    assert (unseen.concepts, unseen.support, unseen.training_share, unseen.true_share) == (1, (0, 0), 0.0, 0.2)


def test_a_band_without_a_concept_has_no_score() -> None:
    torso = bands(made([["C1"]], [["C1"]], [["C1"]]))[1]
    assert (torso.concepts, torso.support, torso.precision, torso.recall, torso.f1_micro) == (0, (0, 0), *[None] * 3)
    assert math.isnan(torso.f1)


def test_without_training_there_are_no_bands() -> None:
    assert bands(made([["C1"]], [["C1"]], [])) == []


CELLS = st.lists(st.sampled_from([f"C{n}" for n in range(8)]), max_size=4, unique=True)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), st.lists(CELLS, min_size=1, max_size=6))
def test_bands_add_up_to_all_labels(images: list[tuple[list[str], list[str]]], training: list[list[str]]) -> None:
    truths, ours = [true for true, _ in images], [mine for _, mine in images]
    found = bands(made(truths, ours, [*training, ["C0"]]), resamples=2)
    assert sum(one.true for one in found) == sum(map(len, truths))
    assert sum(one.predicted for one in found) == sum(map(len, ours))
    assert sum(one.both for one in found) == sum(len({*true} & {*mine}) for true, mine in images)
    assert sum(one.training_share for one in found) == pytest.approx(1)
    assert sum(one.true_share for one in found) == pytest.approx(1 if any(truths) else 0)
