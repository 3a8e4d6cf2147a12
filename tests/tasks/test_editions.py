"""Editions are data: what every file must hold, the differences that matter, and files written, checked, read."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import editions
from tasks.check import Check, check_file
from tasks.commands import check as command
from tasks.editions import NO_LIMIT, Edition, known_years, load_edition
from tasks.nouns import InputError, Task, Value
from tasks.problems import CODES
from tasks.submission import one_line, read_submission, write_submission

YEARS = [2018, 2019, 2020, 2021, 2022, 2023, 2024, 2025, 2026]
CAPTION_YEARS = [year for year in YEARS if year not in {2019, 2020}]
EDITIONS = [load_edition(year, Task.CONCEPTS) for year in YEARS]
EDITIONS += [load_edition(year, Task.CAPTIONS) for year in CAPTION_YEARS]
HEADERLESS = [edition for edition in EDITIONS if edition.header == "none"]
IDS = ["image_1", "image_2", "image_3"]
texts = st.text(st.one_of(st.characters(), st.sampled_from('",|\t\n\r\u2028;C')), max_size=40)
cuis = st.lists(st.integers(0, 9_999_999).map("C{:07}".format), max_size=20, unique=True).map(tuple)


def name(edition: Edition) -> str:
    return f"{edition.year}-{edition.task}"


def checked(edition: Edition, content: str, folder: Path) -> Check:
    path = folder / "submission.csv"
    path.write_text(content, encoding="utf-8", newline="")
    return check_file(path, edition=edition, ids=IDS)


def codes(check: Check) -> set[str]:
    return {problem.code for problem in check.problems} - {"edition-unknown"}


def table(edition: Edition, values: list[str], *, ids: list[str] = IDS) -> str:
    """Rows without a header, or under one where the year needs it."""
    rows = [edition.columns] if edition.header == "required" else []
    rows += list(zip(ids, values, strict=True))
    return "".join(edition.delimiter.join(row) + "\n" for row in rows)


@pytest.mark.parametrize("edition", EDITIONS, ids=name)
def test_every_edition_is_whole(edition: Edition) -> None:
    assert edition.columns in {("ID", "CUIs"), ("ID", "Caption")}
    assert edition.zip_member == "submission.csv"
    assert edition.sources
    assert all(isinstance(said, str) for said in edition.unknown)
    assert edition.precheck_rejects | edition.evaluator_rejects <= set(CODES)
    scoring = edition.scoring[edition.task.value]
    assert list(scoring["roles"].values()).count("primary") == 1
    assert edition.scoring["sources"]
    parts = [part for parts in scoring.get("composites", {}).values() for part in parts]
    assert set(parts) | set(scoring.get("needs", {})) | set(scoring.get("notes", {})) <= set(scoring["roles"])


def test_every_year_is_known() -> None:
    assert known_years() == [str(year) for year in YEARS]
    assert load_edition("2025", Task.REPORTS).columns == ("ID", "Findings", "Impression")


def test_the_formats_by_year() -> None:
    concepts = {edition.year: edition for edition in EDITIONS if edition.task is Task.CONCEPTS}
    tab, bar, comma = "\t", "|", ","
    assert [concepts[year].delimiter for year in YEARS] == [tab, tab, tab, bar, bar, tab, comma, comma, comma]
    assert [concepts[year].other_delimiter for year in YEARS] == ["", "", "", "", "", bar, "", "", ""]
    assert [concepts[year].header for year in YEARS] == ["none"] * 5 + ["optional"] * 2 + ["required"] * 2
    assert [concepts[year].quoted for year in YEARS] == [False] * 6 + [True] * 3
    limits = [1286, NO_LIMIT, 150, NO_LIMIT, 100, 100, 100, 100, 100]
    assert [concepts[year].max_cuis for year in YEARS] == limits
    assert all(concepts[year].unknown for year in (2018, 2019, 2021, 2022, 2024))


def test_the_graded_runs_of_a_team_by_year() -> None:
    """Ten in 2020 and 2021, section 2 of both overviews; of the other years no public source says."""
    said = {(edition.year, edition.task): edition.max_runs for edition in EDITIONS if edition.max_runs is not None}
    assert said == {(2020, Task.CONCEPTS): 10, (2021, Task.CONCEPTS): 10, (2021, Task.CAPTIONS): 10}
    assert load_edition(2021, Task.REPORTS).max_runs is None


def test_what_2026_changed() -> None:
    old, new = load_edition(2025, Task.CONCEPTS), load_edition(2026, Task.CONCEPTS)
    assert new.official_precheck and not old.official_precheck
    assert {"id-order", "header-form", "cui-format"} <= new.precheck_rejects - old.precheck_rejects
    assert new.evaluator_rejects == old.evaluator_rejects
    assert new.max_cuis == 100


@pytest.mark.parametrize("edition", EDITIONS, ids=name)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_is_written_is_accepted_and_read_back(edition: Edition, data: st.DataObject) -> None:
    values: list[Value] = data.draw(st.lists(cuis if edition.task is Task.CONCEPTS else texts, min_size=1, max_size=4))
    rows = [(f"image_{n}", value) for n, value in enumerate(values)]
    with tempfile.TemporaryDirectory() as folder:
        path = write_submission(Path(folder), edition=edition, rows=rows)
        for file in (path, path.with_suffix(".zip")):
            found = check_file(file, edition=edition, ids=[image_id for image_id, _ in rows])
            assert found.accepted, found.problems
            assert found.n_rows == len(rows)
            assert codes(found) <= {"caption-empty"}
            read = read_submission(file, edition=edition)
            unquoted = "" if edition.quoted else edition.delimiter
            assert read == {i: _kept(value, unquoted) for i, value in rows}
        if edition.header == "none":
            assert path.read_text(encoding="utf-8").startswith(f"image_0{edition.delimiter}")


def _kept(value: Value, lost: str) -> Value:
    """A value as it can be read back: without line breaks, and without the delimiter where nothing is quoted."""
    if not isinstance(value, str):
        return value or ("",)  # an empty cell is one empty entry
    return one_line(value.replace(lost, " ") if lost else value)


@pytest.mark.parametrize("edition", EDITIONS, ids=name)
def test_the_mistakes_that_stop_every_evaluator(edition: Edition, tmp_path: Path) -> None:
    value = "C0000001" if edition.task is Task.CONCEPTS else "a text"
    assert checked(edition, table(edition, [value] * 3), tmp_path).accepted
    for ids, code in (
        (["image_1", "image_2", "other"], "id-unknown"),
        (["image_1", "image_2", "image_2"], "id-duplicate"),
    ):
        found = checked(edition, table(edition, [value] * 3, ids=ids), tmp_path)
        assert found.scoring == "rejected"
        assert {code, "id-missing"} <= codes(found)
    blank = checked(edition, table(edition, [value] * 3) + "\n", tmp_path)
    assert (blank.scoring, codes(blank)) == ("rejected", {"blank-line"})
    taken = {edition.delimiter, edition.other_delimiter}
    wrong = next(mark for mark in "|\t," if mark not in taken)
    found = checked(edition, table(edition, [value] * 3).replace(edition.delimiter, wrong), tmp_path)
    assert found.scoring == "rejected"
    assert "delimiter" in codes(found)


@pytest.mark.parametrize("edition", [one for one in EDITIONS if one.task is Task.CONCEPTS], ids=name)
def test_the_concept_evaluators(edition: Edition, tmp_path: Path) -> None:
    def scoring(value: str) -> tuple[str, set[str]]:
        found = checked(edition, table(edition, ["C0000001", value, ""]), tmp_path)
        return found.scoring, codes(found)

    assert scoring("C0000001;C0000001") == ("rejected", {"cui-duplicate"})
    assert scoring("c0000001") == ("accepted", {"cui-format"})
    assert scoring("C0000001;") == ("accepted", {"cui-empty"})
    assert scoring("C0000001; C0000002") == ("accepted", set())
    if edition.max_cuis != NO_LIMIT:
        many = [f"C{n:07}" for n in range(edition.max_cuis + 1)]
        assert scoring(";".join(many)) == ("rejected", {"cui-too-many"})
        assert scoring(";".join(many[1:])) == ("accepted", set())
    alone = table(edition, ["C0000001"] * 3).replace(f"image_2{edition.delimiter}C0000001", "image_2")
    assert checked(edition, alone, tmp_path).scoring == "accepted"


@pytest.mark.parametrize("edition", HEADERLESS, ids=name)
def test_a_year_without_header_takes_one_for_an_image(edition: Edition, tmp_path: Path) -> None:
    value = "C0000001" if edition.task is Task.CONCEPTS else "a text"
    headed = edition.delimiter.join(edition.columns) + "\n" + table(edition, [value] * 3)
    found = checked(edition, headed, tmp_path)
    assert (found.precheck, found.scoring) == ("rejected", "rejected")
    assert codes(found) == {"header-unwanted"}
    assert found.n_rows == 3
    with_bom = checked(edition, "\ufeff" + table(edition, [value] * 3), tmp_path)
    assert "id-space" in codes(with_bom) and not with_bom.accepted


@pytest.mark.parametrize("task", [Task.CONCEPTS, Task.CAPTIONS])
@pytest.mark.parametrize("year", [2023, 2024])
def test_2023_and_2024_skip_every_row_with_id_in_its_id(year: int, task: Task, tmp_path: Path) -> None:
    edition = load_edition(year, task)
    rows = table(edition, ["C0000001"] * 3)
    mark = edition.delimiter
    assert codes(checked(edition, rows, tmp_path)) == set()
    for head in (f"ID{mark}anything\n", f"Image ID{mark}x\n", f"\ufeffID{mark}x\n"):
        found = checked(edition, head + rows, tmp_path)
        assert found.accepted
        assert codes(found) <= {"bom"}
    lower = checked(edition, f"id{mark}x\n" + rows, tmp_path)
    assert (lower.scoring, codes(lower)) == ("rejected", {"header-unread"})
    again = checked(edition, rows + f"ID{mark}x\n", tmp_path)
    assert (again.scoring, codes(again)) == ("accepted", {"header-repeated"})


def test_2023_goes_by_the_first_line(tmp_path: Path) -> None:
    captions = load_edition(2023, Task.CAPTIONS)
    bars = "ID|Caption\n" + "".join(f"{i}|a text\n" for i in IDS)
    assert checked(captions, bars, tmp_path).accepted
    assert read_submission(tmp_path / "submission.csv", edition=captions) == dict.fromkeys(IDS, "a text")
    tabs = "".join(f"{i}\ta text{'|' * n}\n" for n, i in enumerate(IDS))
    assert checked(captions, tabs, tmp_path).accepted
    assert not checked(captions, tabs.replace("text", "text|", 1), tmp_path).accepted


def test_quotes_are_plain_characters_where_nothing_is_quoted(tmp_path: Path) -> None:
    edition = load_edition(2022, Task.CAPTIONS)
    content = 'image_1|"open\nimage_2|"a" "b"\nimage_3|x, y\n'
    assert checked(edition, content, tmp_path).accepted
    found = read_submission(tmp_path / "submission.csv", edition=edition)
    assert found == {"image_1": '"open', "image_2": '"a" "b"', "image_3": "x, y"}
    cut = checked(edition, content.replace("x, y", "x | y"), tmp_path)
    assert (cut.precheck, cut.scoring) == ("rejected", "accepted")
    with pytest.raises(InputError, match="holds the delimiter"):
        write_submission(tmp_path, edition=edition, rows=[("a|b", "x")])


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    edition = load_edition(2021, Task.CAPTIONS)
    found = checked(edition, "image_1|a\nimage_2|b\nimage_3|c\n", tmp_path)
    assert found.accepted
    assert [problem.code for problem in found.problems] == ["edition-unknown"]
    assert "taken to be that of 2022" in found.problems[0].message


@pytest.mark.parametrize("edition", EDITIONS, ids=name)
def test_the_command_knows_every_edition(edition: Edition, tmp_path: Path) -> None:
    value: Value = ("C0000001",) if edition.task is Task.CONCEPTS else "a text"
    path = write_submission(tmp_path, edition=edition, rows=[(i, value) for i in IDS])
    (tmp_path / "ids.txt").write_text("\n".join(IDS), encoding="utf-8")
    options = [
        "--task",
        str(edition.task),
        "--edition",
        str(edition.year),
        "--ids",
        str(tmp_path / "ids.txt"),
        "--json",
    ]
    result = CliRunner().invoke(command, [str(path), *options])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["edition"] == edition.year


def test_an_unknown_year_names_those_known() -> None:
    with pytest.raises(InputError, match=r"1999.*2025, 2026"):
        load_edition(1999, Task.CONCEPTS)
    with pytest.raises(InputError):
        load_edition("../2026", Task.CONCEPTS)
    with pytest.raises(InputError, match="2020 has no caption_prediction"):
        load_edition(2020, Task.CAPTIONS)


def test_the_scoring_key_is_handed_on_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(editions.__file__).parent / "2026.yaml").read_text(encoding="utf-8").partition("\nscoring:")[0]
    (tmp_path / "2026.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "2018.yaml").write_text("scoring: {caption_prediction: {a: [1]}}\n", encoding="utf-8")
    monkeypatch.setattr(editions, "FOLDER", tmp_path)
    assert load_edition(2026, Task.CAPTIONS).scoring == {}
    (tmp_path / "2026.yaml").write_text(text + "\nscoring: {caption_prediction: {a: [1]}}\n", encoding="utf-8")
    assert load_edition(2026, Task.CAPTIONS).scoring == {"caption_prediction": {"a": [1]}}
    with pytest.raises(InputError, match="2018 has no caption_prediction"):
        load_edition(2018, Task.CAPTIONS)
