"""The published tables: every file is valid and holds what was printed, and what breaks one is said with its line."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from evaluation.leaderboard.published import published_table
from evaluation.leaderboard.rows import FOLDER, TABLES, known_tables, read_published
from evaluation.profiles import profile_of
from tasks.editions import load_edition
from tasks.nouns import InputError, Task

HEADER = "rank,counts,team,run,f1,source,note"


@pytest.mark.parametrize(("year", "task"), known_tables())
def test_every_table_is_valid(year: int, task: Task) -> None:
    table = read_published(task, year)
    assert table.rows and all(row.source for row in table.rows)
    assert table.about.complete or year >= 2022
    assert published_table(task, year) is not None


def test_each_table_is_described_and_each_description_has_its_table() -> None:
    from ruamel.yaml import YAML

    described = set(YAML(typ="safe").load((FOLDER / TABLES).read_text(encoding="utf-8")))
    assert described == {path.stem for path in FOLDER.glob("*.csv")} == {f"{y}-{task}" for y, task in known_tables()}


@pytest.mark.parametrize(
    ("year", "task", "runs", "first", "last"),
    [
        (2020, Task.CONCEPTS, 47, ("AUEB NLP Group", "0.3940"), "0.3940"),
        (2021, Task.CONCEPTS, 29, ("AUEBs_NLP_Group", "0.505"), "0.505"),
        (2021, Task.CAPTIONS, 46, ("IALab_PUC", "0.510"), "0.510"),
    ],
)
def test_the_complete_tables_are_whole(year: int, task: Task, runs: int, first: tuple[str, str], last: str) -> None:
    table = read_published(task, year)
    assert table.about.complete and len(table.rows) == table.about.runs == runs
    assert [row.rank for row in table.rows] == list(range(1, runs + 1))
    team, score = first
    assert (table.rows[0].team, str(table.rows[0].scores[table.about.ranked_by])) == (team, score)
    assert max(row.scores[table.about.ranked_by] for row in table.rows) == Decimal(last)


@pytest.mark.parametrize(("year", "task"), known_tables())
def test_a_table_has_no_more_rows_and_teams_than_took_part(year: int, task: Task) -> None:
    table = read_published(task, year)
    teams, about = {row.team for row in table.rows if row.team}, table.about
    assert about.runs is None or len(table.rows) <= about.runs
    assert about.teams is None or len(teams) <= about.teams
    if about.complete and about.teams is not None:
        assert len(teams) == about.teams


@pytest.mark.parametrize("task", [Task.CONCEPTS, Task.CAPTIONS])
def test_runs_of_both_tasks_together_are_not_said_to_be_of_one(task: Task) -> None:
    """The abstract of 2024 counts 82 runs of 14 teams for the two tasks."""
    about = read_published(task, 2024).about
    assert (about.runs, about.teams) == (None, None) and "82 graded runs to the two tasks" in about.note


def test_the_composites_of_2026_are_the_means_of_their_parts() -> None:
    """The columns have our names, so our formula must give what was published, to its last digit."""
    composites = profile_of("imageclef", task=Task.CAPTIONS, edition=load_edition(2026, Task.CAPTIONS)).composites
    for row in read_published(Task.CAPTIONS, 2026).rows:
        for name in ("relevance", "factuality", "overall"):
            parts = [row.scores[part] for part in composites[name]]
            assert abs(sum(parts, Decimal(0)) / len(parts) - row.scores[name]) <= Decimal("0.0001"), (row.team, name)


def test_an_unknown_table_names_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no published table of caption_prediction in 2020: there are 2020 concept_"):
        read_published(Task.CAPTIONS, 2020)
    with pytest.raises(InputError, match="report_generation"):
        read_published(Task.REPORTS, 2026)
    assert published_table(Task.REPORTS, 2026) is None


def broken(folder: Path, *lines: str, about: str = "ranked_by: f1\n  complete: false") -> str:
    (folder / "2026-concept_detection.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / TABLES).write_text(f"2026-concept_detection:\n  {about}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_published(Task.CONCEPTS, 2026, folder)
    return str(error.value).replace(str(folder), "published")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("first,runs,A,1,0.5,paper,", "csv:3: rank: Input should be a valid integer"),
        ("0,runs,A,1,0.5,paper,", "csv:3: rank: Input should be greater than 0"),
        ("3,persons,A,1,0.5,paper,", "csv:3: counts: Input should be 'runs', 'teams' or ''"),
        ("3,runs,A,1,half,paper,", "csv:3: scores.f1: Input should be a valid decimal (it is 'half')"),
        ("3,runs,A,1,nan,paper,", "csv:3: scores.f1: Input should be a finite number"),
        ("3,runs,A,1,57.81,paper,", "csv:3: f1 57.81 is not between 0 and 1: 57.81 % is 0.5781"),
        ("3,runs,A,1,0.5,,", "csv:3: source: String should have at least 1 character"),
        ("3,runs,A,1,0.5,paper", "csv:3: 6 fields where the header has 7"),
        ("3,runs,A,1,0.5,paper, page 2,", "csv:3: 8 fields where the header has 7"),
        ("3,runs,,1,,paper,", "csv:3: neither a team nor a score"),
        (",runs,A,1,0.5,paper,", "csv:3: counts runs without a rank"),
        ("3,runs,A,1,0.7,paper,", "csv:3: f1 of rank 3 does not fit that of rank 2 on line 2"),
        ("2,runs,A,1,0.5,paper,", "csv:3: f1 of rank 2 does not fit that of rank 2 on line 2"),
        ('3,runs,A,1,0.5,"paper,', "csv:3: unexpected end of data: close the quotes"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    assert f"published/2026-concept_detection.{said}" in broken(tmp_path, HEADER, "2,runs,B,2,0.6,paper,", line)


def test_rows_that_share_a_rank_and_ranks_of_teams_are_no_mistake(tmp_path: Path) -> None:
    lines = [HEADER, "2,runs,A,1,0.6,paper,", "2,runs,B,2,0.6,paper,", "", "1,teams,C,,0.5,paper,", ""]
    (tmp_path / "2026-concept_detection.csv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    about = "2026-concept_detection:\n  ranked_by: f1\n  complete: false\n"
    (tmp_path / TABLES).write_text(about, encoding="utf-8")
    assert [row.line for row in read_published(Task.CONCEPTS, 2026, tmp_path).rows] == [2, 3, 5]


def test_a_file_that_is_no_text_or_no_table_is_named(tmp_path: Path) -> None:
    assert "csv:1: the header is not" in broken(tmp_path, "")
    (tmp_path / "2026-concept_detection.csv").write_bytes(b"rank,\xe9")
    with pytest.raises(InputError, match="byte 5 is not UTF-8: save it as UTF-8"):
        read_published(Task.CONCEPTS, 2026, tmp_path)
    (tmp_path / "notes.csv").touch()
    with pytest.raises(InputError, match=r"notes.csv: the name does not begin with a year"):
        known_tables(tmp_path)


def test_a_line_within_quotes_counts(tmp_path: Path) -> None:
    lines = ('2,runs,B,2,0.6,"a', 'source of two lines",', "3,runs,A,1,2,paper,")
    assert "csv:4: f1 2 is not between" in broken(tmp_path, HEADER, *lines)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("rank,team,run,f1,source,note", "csv:1: the header is not rank,counts,team,run,<scores>,source,note"),
        ("rank,counts,team,run,source,note", "csv:1: the header is not"),
        ("rank,counts,team,run,F1,source,note", "csv:1: 'F1' cannot name a score"),
        ("rank,counts,team,run,f1,f1,source,note", "csv:1: 'f1' cannot name a score, or stands twice"),
        ("rank,counts,team,run,bleu,source,note", "csv:1: no column 'f1', by which tables.yaml says"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, header: str, said: str) -> None:
    assert said in broken(tmp_path, header)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("complete: false", "2026-concept_detection: ranked_by: Field required"),
        ("ranked_by: f1\n  complete: perhaps", "complete: Input should be a valid boolean"),
        ("ranked_by: f1\n  complete: false\n  colour: red", "colour: Extra inputs are not permitted"),
        ("ranked_by: f1\n  complete: true\n  runs: 2", "said to be complete with 2 runs, but their ranks are not"),
        ("ranked_by: f1\n  complete: true", "said to be complete with None runs"),
        ("ranked_by: [f1", "does not say what 2026-concept_detection.csv is"),
    ],
)
def test_a_wrong_description_is_named(tmp_path: Path, about: str, said: str) -> None:
    assert said in broken(tmp_path, HEADER, "1,runs,A,1,0.5,paper,", about=about)


def test_a_table_that_is_not_described_is_named(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "2020-concept_detection.csv", tmp_path)
    (tmp_path / TABLES).write_text("{}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"tables.yaml does not say what 2020-concept_detection.csv is"):
        read_published(Task.CONCEPTS, 2020, tmp_path)


def test_adding_a_row_is_adding_a_line(tmp_path: Path) -> None:
    for path in FOLDER.glob("2026-concept_detection.csv"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(f"{text}1,runs,DS@GT,,0.5790,0.9657,their paper,\n", encoding="utf-8")
    shutil.copy(FOLDER / TABLES, tmp_path)
    table = read_published(Task.CONCEPTS, 2026, tmp_path)
    assert len(table.rows) == len(read_published(Task.CONCEPTS, 2026).rows) + 1
    assert table.rows[-1].scores == {"f1": Decimal("0.5790"), "f1_secondary": Decimal("0.9657")}


def test_a_table_without_ours_has_all_scores_and_sources() -> None:
    table = published_table(Task.CAPTIONS, 2026)
    assert table is not None and len(table.rows) == 8
    assert [column.title for column in table.columns][:4] == ["rank", "team", "run", "overall"]
    assert table.rows[0][3].text == "0.3755" and table.rows[0][3].value == 0.3755
    assert any("Partial table: 8 rows are known" in note for note in table.notes)
    assert "quytsua/UIT_HighDefinition_ImageCLEFmedical_Caption_2026@4f0541d " in table.notes[-1]
