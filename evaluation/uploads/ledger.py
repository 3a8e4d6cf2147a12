"""The ledger `submissions/uploads.csv`: a line for each upload, which people may edit by hand.

task,edition,team,run,uploaded,submission_id,scores,note,sha256
concept_detection,2026,our-team,base,2026-05-04T21:10:00+00:00,983,f1=0.5781 f1_secondary=0.9591,our first,4987bd15...

read_ledger(Path("submissions"))[0].scores["f1"]    # 0.5781
with ledger_open(Path("submissions")) as uploads:
    uploads.append(Upload(...))     # written when the block ends, in one step; another process waits meanwhile
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from evaluation.inputs.outputs import files_of_submissions
from evaluation.uploads.official import check_score
from tasks.datasets.table import read_rows
from tasks.editions import load_edition
from tasks.files import as_csv, write_whole
from tasks.nouns import InputError, Task

LEDGER = "uploads.csv"
LOCK = ".uploads.lock"
NEEDED = ("task", "edition", "team", "run", "uploaded")
COLUMNS = (*NEEDED, "submission_id", "scores", "note", "sha256")


@dataclass(frozen=True, slots=True)
class Upload:
    """A submission that was uploaded. No text has blanks at its ends or line breaks."""

    task: Task
    edition: int
    run: str
    """The name of the run's folder."""
    team: str
    uploaded: str
    """UTC, ISO 8601."""
    submission_id: str = ""
    """What the organisers' platform calls it; empty where nobody said."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The official scores, by the names that this program has for them; empty until they are known."""
    note: str = ""
    sha256: str = ""
    """Of the table that was uploaded, out of its zip; empty in a line that was written by hand."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells an upload from the others."""
        return (self.task.value, str(self.edition), self.team, self.run, self.submission_id)


def read_ledger(submissions: Path) -> list[Upload]:
    """The uploads in the order of the file, none without one; InputError with file and line where it was spoilt."""
    path = submissions / LEDGER
    if not path.exists() or path.stat().st_size == 0:
        return []
    rows = read_rows(path)
    header = next(rows)[1]
    _check_header(header, f"{path}:1")
    found: list[Upload] = []
    lines: dict[tuple[str, ...], int] = {}
    for line, row in rows:
        try:
            upload = _upload({title: one_line(cell) for title, cell in zip(header, row, strict=True)})
        except InputError as error:
            raise InputError(f"{path}:{line}: {error}") from None
        if upload.identity in lines:
            raise InputError(
                f"{path}:{line}: the same upload stands on line {lines[upload.identity]}: keep one of them, or give "
                "each its submission_id"
            )
        lines[upload.identity] = line
        found.append(upload)
    return found


@contextmanager
def ledger_open(submissions: Path) -> Iterator[list[Upload]]:
    """The uploads to change; written when the block ends without an exception."""
    with FileLock(submissions / LOCK):
        uploads = read_ledger(submissions)
        before = list(uploads)
        yield uploads
        if uploads != before:
            write_whole(submissions / LEDGER, as_csv(COLUMNS, map(_row, uploads)))


def files_kept(submissions: Path, runs: Sequence[Path] = ()) -> list[Path]:
    """The files that no output may take the place of: ledgers, and what these runs and all of `submissions` hold."""
    ledgers = [submissions / LEDGER, *(run.absolute().parent.parent / LEDGER for run in runs)]
    folders = [*runs, *sorted(submissions.glob("*/*"))]
    return [*ledgers, *files_of_submissions(folders, [folder / "submission.csv" for folder in folders])]


def one_line(text: str) -> str:
    """The text as the ledger holds it."""
    return " ".join(text.split())


def utc(said: str) -> str:
    """The time `said` in ISO 8601, a date alone included, in UTC to the second; UTC is meant where no zone is said."""
    try:
        time = datetime.fromisoformat(said)
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InputError(f"'{said}' is no time: write it like 2026-05-04 or 2026-05-04T21:10:00+00:00") from None
    return time.isoformat(timespec="seconds")


def read_scores(said: Sequence[str], *, task: Task, year: int) -> dict[str, float]:
    """The official scores in texts like `f1=0.5781`; InputError when one cannot be."""
    scores: dict[str, float] = {}
    for one in said:
        name, _, value = one.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise InputError(f"'{one}' is no score: write it like f1=0.5781") from None
        if name in scores:
            raise InputError(f"the score '{name}' is said twice: keep one")
        check_score(name, number, task=task, year=year)
        scores[name] = number
    return scores


def _check_header(header: Sequence[str], where: str) -> None:
    wrong = [f"unknown column '{title}'" for title in header if title not in COLUMNS]
    wrong += [f"no column '{title}'" for title in NEEDED if title not in header]
    wrong += [f"the column '{title}' twice" for title in COLUMNS if header.count(title) > 1]
    if wrong:
        raise InputError(f"{where}: {wrong[0]}: the header is {','.join(COLUMNS)}")


def _upload(cells: Mapping[str, str]) -> Upload:
    """The upload on a line; InputError, which does not name the line."""
    empty = next((name for name in NEEDED if not cells[name]), None)
    if empty:
        raise InputError(f"'{empty}' is empty: every upload has one")
    task = Task.of(cells["task"])
    year = load_edition(cells["edition"], task).year
    sha256 = cells.get("sha256", "").lower()
    if sha256 and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InputError(f"sha256 '{sha256[:80]}' is not 64 hexadecimal digits: leave it empty if it is not known")
    return Upload(
        task=task,
        edition=year,
        run=cells["run"],
        team=cells["team"],
        uploaded=utc(cells["uploaded"]),
        submission_id=cells.get("submission_id", ""),
        scores=read_scores(cells.get("scores", "").replace(";", " ").split(), task=task, year=year),
        note=cells.get("note", ""),
        sha256=sha256,
    )


def _row(upload: Upload) -> list[object]:
    scores = " ".join(f"{name}={value!r}" for name, value in upload.scores.items())
    return [scores if column == "scores" else getattr(upload, column) for column in COLUMNS]
