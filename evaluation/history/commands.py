"""The verb `submissions page`.

imageclef submissions page
imageclef submissions page --submissions /data/submissions --out runs.html
"""

from __future__ import annotations

from pathlib import Path

import click

from evaluation.history.page import history_page
from evaluation.inputs.outputs import check_outputs
from tasks.files import write_whole
from tasks.nouns import InputError
from tasks.options import FILE, SUBMISSIONS


@click.command()
@SUBMISSIONS
@click.option("--out", type=FILE, help="Where the page is written.  [default: index.html where the runs are kept]")
def page(*, submissions: Path, out: Path | None) -> None:
    """Write a page of all runs: scores, uploads, what differs between configs. Write it again after further runs."""
    if not submissions.is_dir():
        raise InputError(f"{submissions} is no folder: name the one that holds <task>/<run> with --submissions")
    out = out or submissions / "index.html"
    if out.suffix.lower() not in {".html", ".htm"}:
        raise InputError(f"{out}: a page is HTML: end the name in .html")
    check_outputs({"--out": out}, [])
    write_whole(out, history_page(submissions, out=out))
    click.echo(f"written: {out}")
