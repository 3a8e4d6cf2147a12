"""The verb `leaderboard`.

imageclef leaderboard --task 1 --edition 2026
imageclef leaderboard submissions/caption_prediction/base --by rouge1 --out leaderboard.tex
imageclef leaderboard --history --out history.pdf
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from evaluation.history.plot import PICTURES, progress_picture
from evaluation.history.series import best_so_far
from evaluation.history.tables import history_json, history_tables
from evaluation.inputs.outputs import check_outputs
from evaluation.inputs.run_folders import Run, read_run, runs_under
from evaluation.leaderboard.board import make_board
from evaluation.leaderboard.tables import board_tables
from evaluation.tables.forms import form_of, write_tables
from evaluation.tables.scores import print_warnings
from evaluation.tables.table import Table
from evaluation.tables.terminal import print_table
from evaluation.uploads.ledger import files_kept, read_ledger
from evaluation.uploads.runs import uploads_of
from tasks.files import write_whole
from tasks.nouns import InputError, Task
from tasks.options import DEFAULT_YEAR, FILE, SUBMISSIONS, TASK_HELP


@click.command()
@click.argument("runs", nargs=-1, type=FILE, metavar="[RUN ...]")
@click.option("--task", "task_name", metavar="TASK", help=f"{TASK_HELP}  [default: that of the runs]")
@click.option(
    "--edition", "year", type=int, help=f"The year of the table.  [default: that of the runs, {DEFAULT_YEAR}]"
)
@click.option("--by", metavar="SCORE", help="Place by this official score.  [default: what the organisers rank by]")
@click.option("--history", is_flag=True, help="Our own runs over time instead, and the best so far.")
@SUBMISSIONS
@click.option("--out", type=FILE, help="Write it, too: .md, .csv, .tex or .html; a history also .png or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def leaderboard(
    *,
    runs: tuple[Path, ...],
    task_name: str | None,
    year: int | None,
    by: str | None,
    history: bool,
    submissions: Path,
    out: Path | None,
    as_json: bool,
) -> None:
    """Place runs among the published results of their task and year.

    Without RUN, all finished runs of the task and year take part. An official score is taken from uploads.csv where
    the runs are kept (imageclef submissions upload), else the run's own, with what makes it not comparable.
    """
    if out is not None:
        pictured = history and out.suffix.lower() in PICTURES
        if not pictured:
            form_of(out)
        check_outputs({"--out": out}, files_kept(submissions, runs))
    if history and by:
        raise InputError("--by places runs among published ones: leave it out with --history")
    task = Task.of(task_name) if task_name else None
    given = {folder.resolve(): folder for folder in runs}.values()  # once each, however often and by whatever link
    chosen, unreadable = ([read_run(folder) for folder in given], {}) if runs else runs_under(submissions)
    left_out = [why for folder, why in unreadable.items() if task in {None, folder.parent.name}]
    console = Console()
    if history:
        _history(_of(chosen, task, year), console, left_out=left_out, out=out, as_json=as_json)
    else:
        task = task or _task_of(chosen if runs else [])
        year = year or (chosen[0].edition if runs else DEFAULT_YEAR)
        taking_part = chosen if runs else _of(chosen, task, year)
        uploads = uploads_of(chosen) if runs else read_ledger(submissions)
        board = make_board(task, year, runs=taking_part, uploads=uploads, by=by)
        _show(board_tables(board, every=False), board.to_json() | {"left_out": left_out}, console, as_json=as_json)
        if out is not None:
            write_tables(out, board_tables(board, every=out.suffix.lower() != ".tex"))  # a page is narrow, too
    if not as_json:
        print_warnings(tuple(f"left out: {why}" for why in left_out), console)


def _history(
    runs: Sequence[Run], console: Console, *, left_out: Sequence[str], out: Path | None, as_json: bool
) -> None:
    series = best_so_far(runs)
    if not series:
        raise InputError(f"none of {len(runs)} finished runs has scores: a history needs a run that is scored")
    tables = history_tables(series)
    _show(tables, {"series": history_json(series), "left_out": left_out}, console, as_json=as_json)
    if out is not None and out.suffix.lower() in PICTURES:
        write_whole(out, progress_picture(series, out.suffix.lower()))
    elif out is not None:
        write_tables(out, tables)


def _of(runs: Sequence[Run], task: Task | None, year: int | None) -> list[Run]:
    return [run for run in runs if task in {None, run.task} and year in {None, run.edition}]


def _task_of(runs: Sequence[Run]) -> Task:
    tasks = {run.task for run in runs}
    if len(tasks) != 1:
        raise InputError("which table? add --task 1 or 2, or name runs of one task")
    return tasks.pop()


def _show(tables: Sequence[Table], data: Mapping[str, Any], console: Console, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False))
        return
    for table in tables:
        print_table(table, console)
