"""Probabilities: what is written is read back, and whatever else a file holds is refused with a reason."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.nouns import InputError
from tasks.probabilities import FORM, LEAST, Probabilities, read_probabilities, write_probabilities

IDS = st.lists(st.text(max_size=8), max_size=5, unique=True)
CUIS = st.lists(st.from_regex(r"C[0-9]{1,7}", fullmatch=True), max_size=5, unique=True).map(sorted)


@st.composite
def tables(draw: st.DrawFn) -> Probabilities:
    ids, cuis = draw(IDS), draw(CUIS)
    cells = st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1, width=32))
    rows = draw(st.lists(st.lists(cells, min_size=len(cuis), max_size=len(cuis)), min_size=len(ids), max_size=len(ids)))
    return Probabilities(tuple(ids), tuple(cuis), np.array(rows, np.float32).reshape(len(ids), len(cuis)))


def small() -> Probabilities:
    return Probabilities(("b", "a"), ("C1", "C2", "C3"), [[0.9, 0, 0.25], [0, 0.5, 0]])


@settings(max_examples=60, deadline=None)
@given(tables())
def test_what_is_written_is_read(p: Probabilities) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.npz"
        written = write_probabilities(path, p)
        read = read_probabilities(path)
        before = path.read_bytes()
        again = write_probabilities(path, read)
        assert path.read_bytes() == before  # the same bytes whenever it is written
    assert (read.ids, read.cuis) == (p.ids, p.cuis)
    for other in (written, again):
        assert (read.matrix != other.matrix).nnz == 0
    exact, stored = p.matrix.toarray(), read.matrix.toarray()
    np.testing.assert_allclose(stored, np.where(exact < LEAST, 0, exact), rtol=2**-11)
    assert (stored[(exact > 0) & (exact < LEAST)] == 0).all()


def test_the_table_it_was_made_of_stays_as_it_is() -> None:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    parts = np.array([0.25, 0.25, 0.5], np.float32), np.array([1, 1, 0]), np.array([0, 2, 3])
    table = csr_array(parts, shape=(2, 2))  # a cell in two parts
    assert Probabilities(("a", "b"), ("C1", "C2"), table).matrix.toarray().tolist() == [[0, 0.5], [0.5, 0]]
    assert table.data.tolist() == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("ids", "cuis", "table", "said"),
    [
        (("a",), ("C1",), [[0.5], [0.5]], "2 rows"),
        (("a", "a"), ("C1",), [[0.5], [0.5]], "a has two rows"),
        (("a",), ("C2", "C1"), [[0.5, 0.5]], "ascending"),
        (("a",), ("C1", "C1"), [[0.5, 0.5]], "ascending"),
        (("a",), ("chest",), [[0.5]], "'chest' is not a CUI"),
        (("a", "b"), ("C1", "C2"), [[0.5, 0.5], [0.1, np.nan]], "image b: the probability of C2 is nan"),
        (("a",), ("C1",), [[1.01]], "C1 is 1.01"),
        (("a",), ("C1",), [[-0.01]], "C1 is -0.01"),
    ],
)
def test_unsound_tables_are_refused(ids: tuple[str, ...], cuis: tuple[str, ...], table: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Probabilities(ids, cuis, np.array(table))


def test_rows_and_columns_are_found_by_name() -> None:
    p = small()
    assert p.rows(["a"]).matrix.toarray().tolist() == [[0, 0.5, 0]]
    assert p.columns(["C4", "C3", "C1"]).cuis == ("C1", "C3", "C4")
    np.testing.assert_array_equal(
        p.columns({"C4", "C3", "C1"}).matrix.toarray()[0], np.array([0.9, 0.25, 0], np.float32)
    )
    with pytest.raises(InputError, match=r"no probabilities of 2 of 3 images, such as c, d"):
        p.rows(["c", "a", "d"])


def test_a_file_cut_short_or_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(path, small())
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for length in [0, 1, *random.integers(2, len(whole), size=40)]:
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"p\.npz"):
            read_probabilities(path)
    for place in random.integers(0, len(whole), size=200):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            read = read_probabilities(path)
        except InputError as error:
            assert "p.npz" in str(error)
        else:  # a byte that says nothing, such as a time
            assert (read.ids, read.cuis) == (small().ids, small().cuis)


def _with(**changes: object) -> dict[str, object]:
    text = {"form": f'"{FORM}"', "ids": '["a"]', "cuis": '["C1", "C2"]'}
    parts: dict[str, object] = {name: np.frombuffer(value.encode(), np.uint8) for name, value in text.items()}
    parts |= {
        "values": np.array([0.5], np.float16),
        "columns": np.array([1], np.int32),
        "ends": np.array([0, 1], np.int64),
    }
    return {name: part for name, part in {**parts, **changes}.items() if part is not None}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": None}, "it has no values"),
        ({"form": np.frombuffer(b'"something 2"', np.uint8)}, "its form is 'something 2'"),
        ({"ids": np.frombuffer(b"[1]", np.uint8)}, "no list of names"),
        ({"ids": np.frombuffer(b"[", np.uint8)}, "damaged"),
        ({"columns": np.array([2], np.int32)}, "beyond the last CUI"),
        ({"columns": np.array([-1], np.int32)}, "beyond the last CUI"),
        ({"columns": np.array([1], np.float32)}, "of another kind"),
        ({"columns": np.array([0, 1], np.int32)}, "other lengths"),
        ({"ends": np.array([0, 2], np.int64)}, "do not end"),
        ({"ends": np.array([1, 1], np.int64)}, "do not end"),
        ({"ends": np.array([0, 0, 1], np.int64)}, "other lengths"),
        ({"values": np.array([np.nan], np.float16)}, "C2 is nan"),
        ({"values": np.array(["x"], dtype=object)}, "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    path = tmp_path / "p.npz"
    np.savez(path, **_with(**changes))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=said) as raised:
        read_probabilities(path)
    assert str(raised.value).startswith(str(path))
    np.savez(path, **_with())  # type: ignore[arg-type]
    assert read_probabilities(path).matrix.toarray().tolist() == [[0, 0.5]]


def test_no_file_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_probabilities(tmp_path / "gone.npz")
    (tmp_path / "text.npz").write_text("ID,CUIs\n", encoding="utf-8")
    with pytest.raises(InputError, match="damaged or no file of probabilities"):
        read_probabilities(tmp_path / "text.npz")
