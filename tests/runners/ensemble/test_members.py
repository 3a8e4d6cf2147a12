"""Members of an ensemble: read from what a run left, and brought to the same rows and columns or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.ensemble.members import aligned, certain, read_member
from tasks.editions import load_edition
from tasks.nouns import InputError, Task
from tasks.probabilities import Probabilities, write_probabilities
from tasks.submission import write_submission

EDITION = load_edition(2026, Task.CONCEPTS)
IDS = st.permutations(["a", "b", "c", "d"])
CUIS = st.lists(st.sampled_from(["C1", "C2", "C3", "C4", "C5"]), unique=True).map(sorted)


@st.composite
def members(draw: st.DrawFn) -> dict[str, Probabilities]:
    """Two to four members with the same images in any order and any columns; every cell has a value of its own."""
    made = {}
    for n in range(draw(st.integers(2, 4))):
        ids, cuis = tuple(draw(IDS)), tuple(draw(CUIS))
        table = [[(1 + 10 * (ord(i) - 97) + int(c[1]) + n / 10) / 64 for c in cuis] for i in ids]
        made[f"member {n}"] = Probabilities(ids, cuis, np.array(table).reshape(len(ids), len(cuis)))
    return made


def as_cells(p: Probabilities) -> dict[tuple[str, str], float]:
    table = p.matrix.toarray()
    cells = {(i, c): float(table[row, n]) for row, i in enumerate(p.ids) for n, c in enumerate(p.cuis)}
    return {cell: value for cell, value in cells.items() if value}


@settings(max_examples=60, deadline=None)
@given(members(), st.lists(st.sampled_from("abcd"), unique=True))
def test_alignment_moves_cells_and_changes_none(found: dict[str, Probabilities], ids: list[str]) -> None:
    together = aligned(found, ids)
    assert list(together) == list(found)
    cuis = tuple(sorted({c for p in found.values() for c in p.cuis}))
    for name, p in together.items():
        assert (p.ids, p.cuis) == (tuple(ids), cuis)
        assert as_cells(p) == {cell: v for cell, v in as_cells(found[name]).items() if cell[0] in ids}
    first = aligned(found)
    assert {p.ids for p in first.values()} == {next(iter(found.values())).ids}


def test_members_of_other_images_are_named_with_what_they_lack() -> None:
    p, q = certain({"a": ["C1"], "b": ["C2"]}), certain({"b": ["C2"], "x": ["C2"]})
    with pytest.raises(InputError, match=r"two lacks 1 of 2 images, such as a: predict"):
        aligned({"one": p, "two": q})
    with pytest.raises(InputError, match=r"one lacks 2 of 3 images, such as y, z; two lacks 3 of 3"):
        aligned({"one": p, "two": q}, ["a", "y", "z"])


def test_answers_are_ones() -> None:
    p = certain({"b": ("c2", " C1", "C2"), "a": (), "c": ("",)})
    assert (p.ids, p.cuis, p.matrix.toarray().tolist()) == (("b", "a", "c"), ("C1", "C2"), [[1, 1], [0, 0], [0, 0]])
    with pytest.raises(InputError, match="'CHEST' is not a CUI"):
        certain({"a": ("chest",)})


def test_a_member_is_read_from_a_run_or_a_file(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_submission(run, edition=EDITION, rows=[("a", ("C2", "C1")), ("b", ())])
    as_answers = read_member(run, split="valid", edition=EDITION)
    assert as_answers.matrix.toarray().tolist() == [[1, 1], [0, 0]]
    for name in ("submission.csv", "submission.zip"):
        assert as_cells(read_member(run / name, split="valid", edition=EDITION)) == as_cells(as_answers)
    table = Probabilities(("a", "b"), ("C1",), [[0.5], [0.25]])
    write_probabilities(run / "probabilities.valid.npz", table)
    assert as_cells(read_member(run, split="valid", edition=EDITION)) == as_cells(table)
    assert as_cells(read_member(run, split="test", edition=EDITION)) == as_cells(as_answers)
    assert as_cells(read_member(run / "probabilities.valid.npz", split="x", edition=EDITION)) == as_cells(table)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"neither probabilities\.valid\.npz nor submission\.csv"):
        read_member(tmp_path / "empty", split="valid", edition=EDITION)
