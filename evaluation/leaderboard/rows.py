"""Published results as data: `published/<year>-<task>.csv`, and what each table is in `published/tables.yaml`.

rank,counts,team,run,f1,f1_secondary,source,note
2,runs,Archimedes Unit (AUEB NLP Group + NKUA),983,0.5781,0.9591,dboutzounis/imageclef2026@5a56c3e README.md,

A line of a table is a result. `rank` is as published and counts `runs` or `teams` (both empty where no source says);
the scores have this program's names where they are its official scores of that year, and as many digits as were
published. The tables are checked whenever they are read: a mistake is an `InputError` with file and line.

    table = read_published(Task.CONCEPTS, 2026)
    table.rows[0].scores["f1"], table.about.complete      # (Decimal("0.5781"), False)
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluation.uploads.official import official_scores
from tasks.nouns import InputError, Task

FOLDER = Path(__file__).with_name("published")
TABLES = "tables.yaml"
BEFORE = ("rank", "counts", "team", "run")
AFTER = ("source", "note")
"""The columns before and after those of scores."""
UNKNOWN_RANGE = (-3.0, 10.0)
"""What a score may be that this program does not compute; a percentage is mostly beyond."""

Count = Annotated[int, Field(gt=0)]


class Row(BaseModel):
    """A published result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    line: int
    """Of the file, from 1."""
    rank: Count | None
    counts: Literal["runs", "teams", ""]
    """What the rank counts."""
    team: str
    run: str
    scores: Mapping[str, Decimal]
    source: Annotated[str, Field(min_length=1)]
    note: str


class About(BaseModel):
    """What a table is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranked_by: str
    complete: bool
    runs: Count | None = None
    teams: Count | None = None
    images: Count | None = None
    """Of the official test set."""
    note: str = ""


class Published(BaseModel):
    """The table of a task and year."""

    model_config = ConfigDict(frozen=True)

    task: Task
    edition: int
    metrics: tuple[str, ...]
    """The columns of scores."""
    rows: tuple[Row, ...]
    about: About


def known_tables(folder: Path = FOLDER) -> list[tuple[int, Task]]:
    """Year and task of every table, oldest first."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        year, _, task = path.stem.partition("-")
        if not year.isdecimal():
            raise InputError(f"{path}: the name does not begin with a year: name it as 2026-{Task.CONCEPTS}.csv")
        found.append((int(year), Task.of(task)))
    return found


def read_published(task: Task, edition: int, folder: Path = FOLDER) -> Published:
    """The table; InputError naming those that exist, or the line that is wrong."""
    path = folder / f"{edition}-{task}.csv"
    if not path.exists():
        known = ", ".join(f"{year} {name}" for year, name in known_tables(folder))
        raise InputError(f"no published table of {task} in {edition}: there are {known}")
    about = _about(folder / TABLES, path.stem)
    lines = list(_lines(path))
    metrics = _metrics(path, lines[0][1] if lines else [])
    if about.ranked_by not in metrics:
        raise InputError(f"{path}:1: no column '{about.ranked_by}', by which {TABLES} says that it is ranked: add it")
    ranges = official_scores(task, edition)
    rows = tuple(_row(f"{path}:{line}", line, cells, metrics, ranges) for line, cells in lines[1:])
    _check_complete(path, rows, about)
    _check_ranks(path, rows, about)
    return Published(task=task, edition=edition, metrics=metrics, rows=rows, about=about)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row ends, and its fields; blank lines are passed over."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8: save it as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: {error}: close the quotes") from None


def _about(path: Path, name: str) -> About:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return About.model_validate(document[name])
    except ValidationError as error:
        raise InputError(f"{path}: {name}: {_said(error)}") from None
    except (YAMLError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not say what {name}.csv is ({error}): add ranked_by and complete") from None


def _metrics(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    metrics = tuple(header[len(BEFORE) : -len(AFTER)])
    if tuple(header[: len(BEFORE)]) != BEFORE or tuple(header[-len(AFTER) :]) != AFTER or not metrics:
        raise InputError(f"{path}:1: the header is not {','.join(BEFORE)},<scores>,{','.join(AFTER)}: write it so")
    wrong = [name for name in metrics if not re.fullmatch("[a-z][a-z0-9_]*", name) or metrics.count(name) > 1]
    if wrong:
        raise InputError(f"{path}:1: '{wrong[0]}' cannot name a score, or stands twice: use small letters, digits, _")
    return metrics


def _row(
    where: str, line: int, cells: Sequence[str], metrics: Sequence[str], ranges: Mapping[str, tuple[float, float]]
) -> Row:
    titles = (*BEFORE, *metrics, *AFTER)
    if len(cells) != len(titles):
        raise InputError(f"{where}: {len(cells)} fields where the header has {len(titles)}: quote what holds a comma")
    given = {title: cell.strip() for title, cell in zip(titles, cells, strict=True)}
    scores = {name: given.pop(name) for name in metrics}
    data = {**given, "line": line, "rank": given["rank"] or None, "scores": {k: v for k, v in scores.items() if v}}
    try:
        row = Row.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {_said(error)}") from None
    for name, value in row.scores.items():
        low, high = ranges.get(name, UNKNOWN_RANGE)
        if not low <= value <= high:
            raise InputError(f"{where}: {name} {value} is not between {low:g} and {high:g}: 57.81 % is 0.5781")
    if not row.team and not row.scores:
        raise InputError(f"{where}: neither a team nor a score: give one of them")
    if row.counts and row.rank is None:
        raise InputError(f"{where}: counts {row.counts} without a rank: give the rank, or leave both empty")
    return row


def _check_complete(path: Path, rows: Sequence[Row], about: About) -> None:
    """A complete table has all ranks of runs, each with its score."""
    ranks = sorted(row.rank or 0 for row in rows if row.counts == "runs" and about.ranked_by in row.scores)
    if about.complete and (len(rows) != about.runs or ranks != list(range(1, about.runs + 1))):
        raise InputError(f"{path}: said to be complete with {about.runs} runs, but their ranks are not 1 to that")


def _check_ranks(path: Path, rows: Sequence[Row], about: About) -> None:
    """Ranks follow the score that they are said to follow."""
    ranked = [row for row in rows if row.rank and about.ranked_by in row.scores]
    ranked.sort(key=lambda row: (row.counts, row.rank))
    for better, worse in pairwise(ranked):
        gap = better.scores[about.ranked_by] - worse.scores[about.ranked_by]
        if better.counts == worse.counts and (gap < 0 or (gap and better.rank == worse.rank)):
            raise InputError(
                f"{path}:{worse.line}: {about.ranked_by} of rank {worse.rank} does not fit that of rank {better.rank} "
                f"on line {better.line}: correct one of them"
            )


def _said(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']} (it is {first['input']!r})"
