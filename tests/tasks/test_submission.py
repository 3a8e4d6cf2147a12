"""What is written is accepted, is what was given, and is the same bytes every time."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.check import check_file
from tasks.editions import load_edition
from tasks.nouns import InputError, Report, Task, Value
from tasks.submission import one_line, read_submission, write_submission

CAPTIONS = load_edition(2026, Task.CAPTIONS)
CONCEPTS = load_edition(2026, Task.CONCEPTS)
REPORTS = load_edition(2026, Task.REPORTS)
texts = st.text(st.one_of(st.characters(), st.sampled_from('",\n\r\x0b\x85\u2028\0;C')), max_size=40)
cuis = st.lists(st.integers(0, 9_999_999).map("C{:07}".format), max_size=100, unique=True).map(tuple)


@given(st.lists(texts, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_caption_is_accepted_and_read_back(captions: list[str]) -> None:
    rows: list[tuple[str, Value]] = [(f"image_{n}", caption) for n, caption in enumerate(captions)]
    with tempfile.TemporaryDirectory() as folder:
        path = write_submission(Path(folder), edition=CAPTIONS, rows=rows)
        for file in (path, path.with_suffix(".zip")):
            check = check_file(file, edition=CAPTIONS, ids=[image_id for image_id, _ in rows])
            assert check.accepted, check.problems
            assert {problem.code for problem in check.problems} <= {"caption-empty"}
            assert read_submission(file, edition=CAPTIONS) == {i: one_line(str(text)) for i, text in rows}


@given(st.lists(cuis, min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_any_concepts_are_accepted_and_read_back(lists: list[tuple[str, ...]]) -> None:
    rows: list[tuple[str, Value]] = [(f"image_{n}", value) for n, value in enumerate(lists)]
    with tempfile.TemporaryDirectory() as folder:
        path = write_submission(Path(folder), edition=CONCEPTS, rows=rows)
        assert check_file(path, edition=CONCEPTS, ids=[i for i, _ in rows]).problems == ()
        read = read_submission(path, edition=CONCEPTS)
        assert read == {i: value or ("",) for i, value in rows}
        content = path.read_bytes()
        write_submission(Path(folder), edition=CONCEPTS, rows=list(read.items()))
        assert path.read_bytes() == content


def test_the_bytes(tmp_path: Path) -> None:
    rows: list[tuple[str, Value]] = [("b", "x, y"), ("a", 'say "ápice"\n\tnow '), ("c", "")]
    path = write_submission(tmp_path, edition=CAPTIONS, rows=rows)
    expected = 'ID,Caption\nb,"x, y"\na,"say ""ápice"" now"\nc,\n'.encode()
    assert path == tmp_path / "submission.csv"
    assert path.read_bytes() == expected
    with zipfile.ZipFile(tmp_path / "submission.zip") as archive:
        assert archive.namelist() == ["submission.csv"]
        assert archive.read("submission.csv") == expected
    first = (tmp_path / "submission.zip").read_bytes()
    write_submission(tmp_path, edition=CAPTIONS, rows=rows)
    assert (tmp_path / "submission.zip").read_bytes() == first
    assert sorted(file.name for file in tmp_path.iterdir()) == ["submission.csv", "submission.zip"]


def test_reports_get_a_table_and_rexranks_json(tmp_path: Path) -> None:
    rows: list[tuple[str, Value]] = [("s1", Report("Clear,\nlungs.", "Normal.", {"Edema": 0})), ("s2", Report("", ""))]
    path = write_submission(tmp_path, edition=REPORTS, rows=rows)
    assert path.read_text(encoding="utf-8") == 'ID,Findings,Impression\ns1,"Clear, lungs.",Normal.\ns2,,\n'
    assert check_file(path, edition=REPORTS, ids=["s1", "s2"]).accepted
    assert read_submission(path, edition=REPORTS) == {"s1": Report("Clear, lungs.", "Normal."), "s2": Report("", "")}
    document = json.loads((tmp_path / "submission.json").read_text(encoding="utf-8"))
    assert list(document) == ["s1", "s2"]
    assert document["s1"]["model_prediction"].startswith("Findings: Clear")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (tuple(f"C{n:07}" for n in range(101)), "101 CUIs"),
        (("C0040405", "C0040405"), "stands twice"),
        (("pneumonia",), "not a CUI"),
        ("a caption", "no answer to concept_detection"),
    ],
)
def test_concepts_that_cannot_be_written(tmp_path: Path, value: Value, said: str) -> None:
    with pytest.raises(InputError, match=said):
        write_submission(tmp_path, edition=CONCEPTS, rows=[("image_1", value)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("year", [2018, 2020, 2021, 2022, 2023, 2024, 2025, 2026])
def test_an_id_alone_is_not_an_empty_cell(year: int, tmp_path: Path) -> None:
    """As the loaders have it: `tuple(row[1].split(";")) if len(row) > 1 else ()`."""
    edition = load_edition(year, Task.CONCEPTS)
    mark = edition.delimiter
    path = tmp_path / "s.csv"
    rows = f"a{mark}C0000001;\nb{mark}\nc{mark} \nd\n"
    path.write_text(rows if edition.header == "none" else f"ID{mark}CUIs\n{rows}", encoding="utf-8")
    assert read_submission(path, edition=edition) == {"a": ("C0000001", ""), "b": ("",), "c": ("",), "d": ()}


@pytest.mark.parametrize("ids", [["a", "a"], [""], [" a"], ["a\nb"]])
def test_ids_that_cannot_be_written(tmp_path: Path, ids: list[str]) -> None:
    with pytest.raises(InputError, match="one row"):
        write_submission(tmp_path, edition=CAPTIONS, rows=[(image_id, "x") for image_id in ids])


def test_a_caption_longer_than_the_organisers_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="131072"):
        write_submission(tmp_path, edition=CAPTIONS, rows=[("a", "x" * 131_073)])


def test_reading_as_the_evaluators_do(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("\ufeffid,cuis\na,C1; C2;\nb,\nc\n", encoding="utf-8")
    assert read_submission(path, edition=CONCEPTS) == {"a": ("C1", "C2", ""), "b": ("",), "c": ()}
    for text, said in (("ID,Caption\na,x, y\n", "3 fields"), ("ID,Caption\na\n", "1 field,"), ("a,x\na,y\n", "twice")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            read_submission(path, edition=CAPTIONS)
    path.write_bytes(b"ID,Caption\na,\xff\n")
    with pytest.raises(InputError, match=":2: not UTF-8"):
        read_submission(path, edition=CAPTIONS)
