"""A published table as it is, without any run of ours.

published_table(Task.CAPTIONS, 2026)      # a Table with eight rows and nine scores, its sources among the notes
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evaluation.leaderboard.rows import Published, Row, known_tables, read_published
from evaluation.tables.table import Cell, Column, Table
from tasks.editions import load_edition
from tasks.nouns import Task

CHIEF = frozenset({"primary", "secondary"})
"""The roles of the scores that stand in every form of a table."""
COMMIT = re.compile(r"(@[0-9a-f]{7})[0-9a-f]{33}")
"""A commit in a source, of which seven digits tell enough outside the data."""


def published_table(task: Task, edition: int) -> Table | None:
    """The table of a task and year with all its scores; None where none is known."""
    if (edition, task) not in known_tables():
        return None
    table = read_published(task, edition)
    metric = table.about.ranked_by
    metrics = shown(table, metric, every=True)
    return table_of(
        table,
        metric,
        metrics,
        lines=[row_cells(row, metrics, counts=mixed(table)) for row in in_order(table.rows, metric)],
        notes=notes_of(table, metric, every=True),
    )


def table_of(
    table: Published, metric: str, metrics: Sequence[str], *, lines: Sequence[tuple[Cell, ...]], notes: Sequence[str]
) -> Table:
    """These lines under the columns that `row_cells` fills."""
    texts = ("counts", "team", "run") if mixed(table) else ("team", "run")
    return Table(
        title=f"{table.task} {table.edition}, by {metric}",
        columns=(Column("rank"), *(Column(name, numeric=False) for name in texts), *map(Column, metrics)),
        rows=tuple(lines),
        notes=tuple(notes),
        label=f"leaderboard-{table.edition}",
    )


def row_cells(row: Row, metrics: Sequence[str], *, counts: bool) -> tuple[Cell, ...]:
    """A published row, scores with the digits they were published with; with `counts`, what its rank counts, too."""
    scores = (row.scores.get(name) for name in metrics)
    return (
        Cell(row.rank),
        *([Cell(row.counts)] if counts else []),
        Cell(row.team),
        Cell(row.run),
        *(Cell(None if score is None else float(score), "" if score is None else str(score)) for score in scores),
    )


def in_order(rows: Sequence[Row], metric: str) -> list[Row]:
    """The best first; those without a value last, by their rank."""
    return sorted(rows, key=lambda row: (-row.scores[metric] if metric in row.scores else 1000, row.rank or 1000))


def mixed(table: Published) -> bool:
    """Whether some ranks of the table count runs and others teams."""
    return len({row.counts for row in table.rows if row.rank}) > 1


def shown(table: Published, metric: str, *, every: bool) -> list[str]:
    """The scores that have a column: `metric` first, then all that have a value, or the chief ones alone."""
    roles = load_edition(table.edition, table.task).scoring[table.task.value]["roles"]
    named = {name for row in table.rows for name in row.scores}
    others = [name for name in table.metrics if name in named and (every or roles.get(name) in CHIEF)]
    return list(dict.fromkeys([metric, *others]))


def warnings_of(table: Published, metric: str) -> list[str]:
    """What must be said of the table as a whole when it is ordered by `metric`."""
    about = table.about
    said: list[str] = []
    if not about.complete:
        whole = [f"{n} {what}" for what, n in (("runs", about.runs), ("teams", about.teams)) if n is not None]
        of = f", of {' by '.join(whole)}" if whole else ""
        said.append(f"partial table: {len(table.rows)} rows are known{of}; the true rank may be lower than among these")
    if about.note:
        said.append(about.note)
    if metric != about.ranked_by:
        said.append(f"placed by {metric}; the organisers rank by {about.ranked_by}")
    return said


def notes_of(table: Published, metric: str, *, every: bool) -> list[str]:
    """The warnings, rows without a value, notes on rows with `every`, and the sources."""
    n = sum(metric not in row.scores for row in table.rows)
    without = [f"{n} row{'s' if n > 1 else ''} without {metric}: no source read has the value."] if n else []
    noted = [row for row in table.rows if row.note and every]
    sources = dict.fromkeys(COMMIT.sub(r"\1", row.source) for row in table.rows)
    return [
        *(f"{said[0].upper()}{said[1:]}." for said in warnings_of(table, metric)),
        *without,
        *(f"{', '.join(filter(None, (row.team, row.run))) or f'rank {row.rank}'}: {row.note}." for row in noted),
        f"Sources: {'; '.join(sources)}.",
    ]
