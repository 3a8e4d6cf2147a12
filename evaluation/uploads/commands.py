"""The verbs `submissions upload` and `submissions list`.

imageclef submissions upload submissions/concept_detection/base --team our-team
imageclef submissions upload submissions/concept_detection/base --team our-team --id 983 --score f1=0.5781
imageclef submissions list --edition 2026
"""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from evaluation.inputs.outputs import check_outputs
from evaluation.inputs.run_folders import read_run, runs_under
from evaluation.tables.forms import form_of, write_tables
from evaluation.tables.scores import print_warnings
from evaluation.tables.terminal import print_table
from evaluation.uploads.ledger import LEDGER, files_kept, read_ledger
from evaluation.uploads.limit import limit_of
from evaluation.uploads.note import note_upload
from evaluation.uploads.tables import upload_tables
from tasks.nouns import InputError, Task
from tasks.options import FILE, SUBMISSIONS, TASK_HELP


@click.command()
@click.argument("run", type=FILE)
@click.option("--team", required=True, help="The team it was uploaded for.")
@click.option("--id", "submission_id", default="", help="What the organisers' platform calls the submission.")
@click.option("--score", "scores", multiple=True, metavar="NAME=VALUE", help="An official score, as in f1=0.5781.")
@click.option("--note", default="", help="Anything to remember of it.")
@click.option("--date", default="", metavar="TIME", help="When, in UTC, as 2026-05-04T21:10.  [default: now]")
def upload(*, run: Path, team: str, submission_id: str, scores: tuple[str, ...], note: str, date: str) -> None:
    """Note in submissions/uploads.csv that RUN's submission was uploaded, and later its official score.

    Nothing is sent: the upload itself is made on the organisers' platform. Call it again to add to what is noted.
    """
    noted = note_upload(read_run(run), team=team, submission_id=submission_id, scores=scores, note=note, date=date)
    one, console = noted.upload, Console()
    limit, _ = limit_of(one.task, one.edition)
    count = f"{noted.used} of {limit} used" if limit else f"upload {noted.used} of the team"
    got = ", ".join(f"{name} {value:g}" for name, value in one.scores.items()) or "no official score yet"
    print_warnings(noted.warnings, console)
    console.print(
        f"{'noted' if noted.new else 'noted again'} in {escape(str(noted.ledger))}: {escape(one.run)} of "
        f"{escape(one.team)}, uploaded {one.uploaded}: {got} ({count})",
        highlight=False,
        soft_wrap=True,
    )


@click.command("list")
@SUBMISSIONS
@click.option("--task", "task_name", metavar="TASK", help=TASK_HELP)
@click.option("--edition", "year", type=int, help="Only this year's.")
@click.option("--team", help="Only this team's.")
@click.option("--out", type=FILE, help="Write the tables, too: .md, .csv, .tex or .html.")
def list_uploads(
    *, submissions: Path, task_name: str | None, year: int | None, team: str | None, out: Path | None
) -> None:
    """List what was uploaded, how many uploads are left, and how far our scores agreed with the official ones."""
    task = Task.of(task_name) if task_name else None
    if out is not None:
        form_of(out)
        check_outputs({"--out": out}, files_kept(submissions))
    uploads = read_ledger(submissions)
    chosen = [
        one
        for one in uploads
        if (task is None or one.task is task) and year in {None, one.edition} and team in {None, one.team}
    ]
    if not chosen:
        there = "holds none of these" if uploads else "holds none"
        raise InputError(f"no uploads: {submissions / LEDGER} {there}: note one with imageclef submissions upload")
    tables = upload_tables(chosen, runs_under(submissions)[0])
    for table in tables:
        print_table(table, Console())
    if out is not None:
        write_tables(out, tables)
