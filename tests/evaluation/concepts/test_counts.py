"""Counts of each concept, and what it gained over another submission."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.concepts.counts import Concept, gains, labels_of, per_concept, per_concept_csv
from evaluation.metrics.concept_f1 import Labels, macro_f1, numbered
from tasks.concepts import Vocabulary
from tasks.files import as_csv

CT, XRAY, PET, CHEST = "C0040405", "C1306645", "C0032743", "C0817096"
TRUTHS = [(CT, CHEST), (CT, PET), (XRAY, CHEST), (CHEST,), ()]
ANSWERS = [(CT.lower(), CHEST, CHEST), (CT,), (CT, ""), (), ("C9999999",)]


def test_each_concept_is_counted_once_an_image_the_frequent_ones_first() -> None:
    found = per_concept(TRUTHS, ANSWERS)
    assert found == [
        Concept(CHEST, 3, 1, 1),
        Concept(CT, 2, 3, 2),
        Concept(PET, 1, 0, 0),
        Concept(XRAY, 1, 0, 0),
        Concept("C9999999", 0, 1, 0),
    ]
    chest, ct, pet, _, invented = found
    assert (chest.precision, chest.recall, chest.f1) == (1.0, 1 / 3, 0.5)
    assert (ct.precision, ct.recall, ct.f1) == (2 / 3, 1.0, 0.8)
    assert (pet.precision, pet.recall, pet.f1) == (None, 0.0, 0.0)
    assert (invented.precision, invented.recall, invented.f1) == (0.0, None, 0.0)


def test_macro_f1_is_the_mean_over_the_concepts() -> None:
    numbers = numbered(TRUTHS, ANSWERS)
    macro = macro_f1(Labels.of(TRUTHS, numbers), Labels.of(ANSWERS, numbers)).value
    assert macro == pytest.approx(np.mean([one.f1 or 0.0 for one in per_concept(TRUTHS, ANSWERS)]), abs=1e-15)


def test_no_concept_at_all() -> None:
    assert per_concept([()], [("",)]) == []
    assert per_concept_csv([()], [()]) == "cui,true,predicted,both,precision,recall,f1\n"


def test_the_table_of_concepts_names_those_it_can() -> None:
    vocabulary = Vocabulary({CT: ('X-Ray, "Computed"', "CT")})
    rows = list(csv.DictReader(io.StringIO(per_concept_csv(TRUTHS, ANSWERS, vocabulary=vocabulary))))
    assert [row["name"] for row in rows] == ["", 'X-Ray, "Computed"', "", "", ""]
    assert rows[1] == {
        "cui": CT,
        "name": 'X-Ray, "Computed"',
        "true": "2",
        "predicted": "3",
        "both": "2",
        "precision": repr(2 / 3),
        "recall": "1.0",
        "f1": "0.8",
    }
    assert (rows[2]["precision"], rows[4]["recall"]) == ("", "")
    assert "name" not in per_concept_csv(TRUTHS, ANSWERS)


def test_nothing_and_no_number_are_empty_cells() -> None:
    assert as_csv(["a", "b"], [[None, float("nan")], [0, 0.5]]) == "a,b\n,\n0,0.5\n"


CELLS = st.lists(st.sampled_from(["C1", "C2", "C3", "c1", ""]), max_size=3)


def test_a_concept_is_won_where_this_submission_alone_is_right() -> None:
    truths = [("C1",), ("C1",), ("C1",), (), ()]
    ours = [("C1",), ("C1",), (), ("C1",), ("C2",)]
    before = [("C1",), (), ("C1",), (), ("C1",)]
    numbers = numbered(truths, ours, before)
    true, now, then = (Labels.of(side, numbers) for side in (truths, ours, before))
    found = gains(true, now, then, labels_of(numbers))
    # C1: images 1 and 4 are won, images 2 and 3 lost; F1 2 * 2 / (3 + 3) on both sides
    assert found["C1"] == (2 / 3, 0.0, 2, 2)
    assert found["C2"] == (None, None, 0, 1)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8))
def test_gains_are_counted_as_by_hand(rows: list[tuple[list[str], list[str], list[str]]]) -> None:
    truths, ours, before = ([row[side] for row in rows] for side in range(3))
    numbers = numbered(truths, ours, before)
    true, now, then = (Labels.of(side, numbers) for side in (truths, ours, before))
    found = gains(true, now, then, labels_of(numbers))
    for cui, gain in found.items():
        sides = [[cui in {entry.upper() for entry in cell} for cell in side] for side in (truths, ours, before)]
        pairs = [(one == truth, other == truth) for truth, one, other in zip(*sides, strict=True)]
        assert (gain.won, gain.lost) == (pairs.count((True, False)), pairs.count((False, True)))
