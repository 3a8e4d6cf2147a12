"""Constants and oracles: numbers by hand, and that no answer beats its oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.concepts.limits import chosen, constants, limits
from evaluation.concepts.material import Material, material_of
from evaluation.concepts.probable import weigh
from evaluation.inputs.references import References
from evaluation.score import score_predictions
from tasks.editions import load_edition
from tasks.nouns import Task
from tasks.probabilities import Probabilities

Cells = Sequence[Sequence[str]]


def by_id(cells: Cells) -> dict[str, tuple[str, ...]]:
    return {f"i{n}": tuple(cell) or ("",) for n, cell in enumerate(cells)}


def made(truths: Cells, ours: Cells, *, training: Cells = (), year: int = 2026, p: object = None) -> Material:
    table = None if p is None else Probabilities(tuple(by_id(truths)), ("C1", "C2", "C3"), np.asarray(p))
    return material_of(
        {"run": by_id(ours)},
        References(by_id(truths)),
        edition=load_edition(year, Task.CONCEPTS),
        training=[tuple(cell) for cell in training],
        probabilities=table,
    )


def values(material: Material) -> Mapping[str, float]:
    p = material.probabilities
    weighed = None if p is None else weigh(p, material.truths, skipped=material.skipped, cuis=material.cuis)
    return {one.name: one.value for one in limits(material, weighed, resamples=2)}


def test_constants_and_oracles_by_hand() -> None:
    truths = [["C1", "C2"], ["C1", "C9"], []]
    ours = [["C1"], ["C2", "C9"], ["C1"]]
    training = [["C1"], ["C1", "C2"], ["C3"]]
    found = values(made(truths, ours, training=training, p=[[0.9, 0.8, 0.1], [0.3, 0.6, 0], [0, 0, 0]]))
    assert found == pytest.approx(
        {
            "empty": 1 / 3,
            "constant": (4 / 5 + 2 / 5 + 0) / 3,  # all three: on training (1/2 + 4/5 + 1/2) / 3, C1 alone 5/9
            "submission": (2 / 3 + 1 / 2 + 0) / 3,
            "threshold oracle": (1 + 1 / 2 + 1) / 3,  # 0.11 to 0.3 name C1 and C2 twice
            "ranking oracle": (1 + 1 / 2 + 1) / 3,
            "named concepts oracle": 1.0,
            "training concepts oracle": (1 + 2 / 3 + 1) / 3,
        }
    )


def test_the_length_of_a_constant_is_chosen_on_training() -> None:
    material = made([["C1"], ["C1"]], [["C1"], [""]], training=[["C1", "C2"], ["C1", "C2", "C3"], ["C1"]])
    found = constants(material)
    assert [(one.k, one.cuis) for one in found] == [(1, ("C1",)), (2, ("C1", "C2")), (3, ("C1", "C2", "C3"))]
    assert [one.f1_training for one in found] == pytest.approx([(2 / 3 + 1 / 2 + 1) / 3, 37 / 45, (0.8 + 1 + 0.5) / 3])
    assert [one.statistics.value for one in found] == pytest.approx([1, 2 / 3, 1 / 2])
    best = chosen(found)
    assert best is not None and best.k == 2
    assert values(material)["constant"] == pytest.approx(2 / 3)


def test_what_is_not_known_is_left_out() -> None:
    assert list(values(made([["C1"]], [["C1"]]))) == ["empty", "submission", "named concepts oracle"]


CELLS = st.lists(st.sampled_from(["C1", "C2", "C3", "C9"]), max_size=4, unique=True)


@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6),
    st.lists(CELLS, min_size=1, max_size=5),
    st.sampled_from([2019, 2026]),
)
def test_no_answer_beats_its_oracle(
    images: list[tuple[list[str], list[str]]], training: list[list[str]], year: int
) -> None:
    truths, ours = [*(true for true, _ in images), ["C1"]], [*(mine for _, mine in images), []]
    p = [[0.1 * (1 + n % 4), 0.05 * (n % 3), 0.7 * (n % 2)] for n in range(len(truths))]
    material = made(truths, ours, training=[*training, ["C1"]], year=year, p=p)
    found = values(material)
    edition = load_edition(year, Task.CONCEPTS)
    official = score_predictions(
        by_id(ours), References(by_id(truths)), task=Task.CONCEPTS, edition=edition, resamples=2
    )
    assert found["submission"] == official.scores["f1"].value
    assert found["named concepts oracle"] >= found["submission"] - 1e-12
    assert found["ranking oracle"] >= found["threshold oracle"] - 1e-12
    assert found["training concepts oracle"] >= found["constant"] - 1e-12
    for name, answer in {"empty": (), **{f"{one.k}": one.cuis for one in constants(material)}}.items():
        same = score_predictions(
            by_id([answer] * len(truths)),
            References(by_id(truths)),
            task=Task.CONCEPTS,
            edition=edition,
            resamples=2,
        )
        own = found["empty"] if name == "empty" else constants(material)[int(name) - 1].statistics.value
        assert own == same.scores["f1"].value
