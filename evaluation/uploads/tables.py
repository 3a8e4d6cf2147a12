"""The uploads of each team as tables: how many are left, what they got, and how far our estimates agreed with it.

tables = upload_tables(read_ledger(submissions), runs_under(submissions)[0])
tables[0].title     # "our-team, concept_detection 2021: 3 of 10 uploads used, 7 left"
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from evaluation.inputs.run_folders import Run
from evaluation.tables.table import Cell, Column, Table
from evaluation.uploads.estimates import Estimate, agreement, estimate_of
from evaluation.uploads.ledger import Upload
from evaluation.uploads.limit import limit_of
from evaluation.uploads.official import official_scores, primary_of
from evaluation.uploads.runs import run_of

TITLES = ("run", "id", "uploaded", "score", "estimate", "95 % interval", "official", "difference")
TEXTS = ("run", "id", "score")
FEW = 10
"""Fewer uploads than this say little on how two rankings agree."""
Row = tuple[Upload, str, Estimate | None]
"""An upload, the name of an official score, and our estimate of it."""


def upload_tables(uploads: Sequence[Upload], runs: Sequence[Run]) -> list[Table]:
    """A table for each task, edition and team, the oldest upload first."""
    teams: dict[tuple[str, ...], list[Upload]] = {}
    for upload in sorted(uploads, key=lambda one: one.uploaded):
        teams.setdefault(upload.identity[:3], []).append(upload)
    return [_table(own, runs) for _, own in sorted(teams.items())]


def _table(uploads: Sequence[Upload], runs: Sequence[Run]) -> Table:
    rows = [(upload, name, estimate_of(upload, runs, name=name)) for upload in uploads for name in _names(upload)]
    first = {row for row in range(len(rows)) if row == 0 or rows[row][0] is not rows[row - 1][0]}
    cells = tuple(_row(*row, first=number in first) for number, row in enumerate(rows))
    return Table(
        title=_title(uploads),
        columns=tuple(Column(title, numeric=title not in TEXTS) for title in TITLES),
        rows=cells,
        notes=(*_notes(rows, cells, gone=[one for one in uploads if run_of(one, runs) is None]), *_said_twice(uploads)),
    )


def _names(upload: Upload) -> list[str]:
    """The official scores it has, in the edition's order; the primary one, which is awaited, where it has none."""
    known = official_scores(upload.task, upload.edition)
    return sorted(upload.scores, key=list(known).index) or [primary_of(upload.task, upload.edition)]


def _title(uploads: Sequence[Upload]) -> str:
    first, used = uploads[0], len(uploads)
    limit, _ = limit_of(first.task, first.edition)
    told = f"{used} of {limit} uploads used, {max(limit - used, 0)} left" if limit else f"{used} uploaded"
    return f"{first.team}, {first.task} {first.edition}: {told}"


def _row(upload: Upload, name: str, estimate: Estimate | None, *, first: bool) -> tuple[Cell, ...]:
    official = upload.scores.get(name)
    known = [Cell(text, text if first else "") for text in (upload.run, upload.submission_id, upload.uploaded[:10])]
    got = Cell(official, f"{official:.4f}" if official is not None else "awaited")
    if estimate is None:
        return (*known, Cell(name), Cell(None, "none"), Cell(None), got, Cell(None))
    low, high = estimate.ci
    difference = Cell(None)
    if official is not None and not estimate.surrogate:
        difference = Cell(
            estimate.value - official,
            f"{estimate.value - official:+.4f}",
            marks="" if estimate.holds(official) else "*",
        )
    return (
        *known,
        Cell(name),
        Cell(estimate.value, f"{estimate.value:.4f}", marks="s" * estimate.surrogate),
        Cell(f"{low} {high}", f"{low:.3f}–{high:.3f}"),
        got,
        difference,
    )


def _notes(rows: Sequence[Row], cells: Sequence[Sequence[Cell]], *, gone: Sequence[Upload]) -> list[str]:
    """How many are left where nobody knows, where estimates are from, and how far they agree."""
    upload = rows[0][0]
    notes = _limit_notes(upload, len({row[0].identity for row in rows}))
    estimates = [estimate for _, _, estimate in rows if estimate is not None]
    if estimates:
        sources = dict.fromkeys(f"{estimate.run.name} ({estimate.run.split})" for estimate in estimates)
        notes.append(f"The estimates are from {', '.join(sources)}; a difference is estimate minus official score.")
    if any(estimate is None and upload not in gone for upload, _, estimate in rows):
        notes.append("No estimate: no run of the same config has the score: run it with --set data.split=valid.")
    if gone:
        names = dict.fromkeys(one.run for one in gone)
        notes.append(f"No estimate without the run: gone, or made again since, {', '.join(names)}.")
    if any(cell.marks == "*" for row in cells for cell in row):
        notes.append("* outside our interval.")
    if any(estimate.surrogate for estimate in estimates):
        notes.append("s a surrogate: on another scale than the official score, so that only the order compares.")
    by_name: dict[str, list[tuple[Estimate, float]]] = {}
    for own, name, estimate in rows:
        if estimate is not None and name in own.scores:
            by_name.setdefault(estimate.name, []).append((estimate, own.scores[name]))
    return notes + [said for name, pairs in by_name.items() if (said := _trust(name, pairs))]


def _trust(name: str, pairs: Sequence[tuple[Estimate, float]]) -> str:
    """A sentence on the agreement; empty where there is nothing to say."""
    found = agreement([(estimate.value, official) for estimate, official in pairs])
    said = []
    if not pairs[0][0].surrogate:
        inside = sum(estimate.holds(official) for estimate, official in pairs)
        towards = f", {abs(found.bias):.4f} too {'high' if found.bias > 0 else 'low'}" if round(found.bias, 4) else ""
        said = [
            f"we were off by {found.error:.4f} on average{towards}",
            f"{inside} of {found.n} official scores in our interval",
        ]
    if found.rank is not None:
        few = ", of few uploads: a hint, no proof" if found.n < FEW else ""
        said.append(f"rank correlation {found.rank:.2f}{few}")
    uploads = f"{found.n} upload{'s' * (found.n > 1)}"
    return f"{name}, {uploads}: {'; '.join(said)}." if said else ""


def _limit_notes(upload: Upload, used: int) -> list[str]:
    limit, said = limit_of(upload.task, upload.edition)
    over = limit is not None and used > limit
    return [f"WARNING: {used} uploads are more than the {limit} that are graded."] * over + [said] * bool(said)


def _said_twice(uploads: Sequence[Upload]) -> list[str]:
    """The same file sent again."""
    by_file = sorted((one for one in uploads if one.sha256), key=lambda one: (one.sha256, one.uploaded))
    return [
        f"The same file was uploaded twice: as {one.run} on {one.uploaded[:10]} and as {other.run} on "
        f"{other.uploaded[:10]}."
        for one, other in pairwise(by_file)
        if one.sha256 == other.sha256
    ]
