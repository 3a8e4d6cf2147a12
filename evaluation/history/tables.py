"""The history of runs as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation.history.series import Moment, Series
from evaluation.tables.table import Cell, Column, Table

NOISE = "Gain: over the best before; whether it is more than noise, imageclef compare says."
COLUMNS = (
    Column("finished", numeric=False),
    Column("run", numeric=False),
    Column("score"),
    Column("95 % interval"),
    Column("gain"),
)


def history_tables(series: Sequence[Series]) -> list[Table]:
    """A table for each series, oldest run first; those that were the best so far are marked."""
    return [
        Table(
            title=one.title,
            columns=COLUMNS,
            rows=tuple(_row(moment, one.moments[:number]) for number, moment in enumerate(one.moments)),
            notes=(f"* the best so far; {one.best.run.name} of all. {NOISE}",),
        )
        for one in series
    ]


def history_json(series: Sequence[Series]) -> list[dict[str, Any]]:
    """What `--json` prints."""
    return [
        {
            "task": one.task.value,
            "edition": one.edition,
            "split": one.split,
            "data": one.data,
            "n": one.n,
            "metric": one.metric,
            "role": one.role,
            "surrogate": one.surrogate,
            "runs": [
                {
                    "run": moment.run.name,
                    "folder": str(moment.run.folder),
                    "finished": moment.run.finished,
                    "value": moment.value,
                    "ci": list(moment.ci),
                    "best_so_far": moment.best,
                }
                for moment in one.moments
            ],
        }
        for one in series
    ]


def _row(moment: Moment, before: Sequence[Moment]) -> tuple[Cell, ...]:
    gain = moment.value - max(one.value for one in before) if before else None
    low, high = moment.ci
    return (
        Cell(moment.run.finished, moment.run.finished[:16].replace("T", " ")),
        Cell(moment.run.name, best=moment.best, marks="*" if moment.best else ""),
        Cell(moment.value, f"{moment.value:.4f}", best=moment.best),
        Cell(f"{low:.4f} – {high:.4f}"),
        Cell(gain, "" if gain is None else f"{gain:+.4f}"),
    )
