"""The verb `concepts report`.

imageclef concepts report submissions/concept_detection/knn --against submissions/concept_detection/classifier
imageclef concepts report submission.zip --references concepts.csv --train concepts.csv --out analysis
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from evaluation.concepts.figures import FIGURES, figures
from evaluation.concepts.material import read_material
from evaluation.concepts.report import TABLES, report_of, tables
from evaluation.concepts.show import print_report
from evaluation.inputs.arguments import print_problems
from evaluation.inputs.options import GOLD
from tasks.check import Check
from tasks.files import write_whole
from tasks.nouns import InputError
from tasks.options import FILE, with_options

MARK = "limits.csv"
"""The table that every report has, by which a folder is known to hold one."""


@click.command()
@click.argument("submission", type=FILE, metavar="RUN")
@click.option("--against", type=FILE, metavar="RUN", help="Say what each concept gained over this submission.")
@click.option("--train", type=FILE, help="Label file of what was learned from.  [default: the run's data set]")
@click.option("--out", type=FILE, metavar="FOLDER", help="Where to write.  [default: RUN/report]")
@with_options(GOLD)
def report(*, submission: Path, against: Path | None, train: Path | None, out: Path | None, **where: Any) -> None:
    """Say where RUN (a run folder, or a CSV or zip with --references) wins and loses, concept by concept.

    Writes tables and figures: each concept, modality and body region; frequent and rare concepts; calibration and
    thresholds of the probabilities; which modality is taken for which; what constants and perfect answers would score.
    Exit status: 0 written, 1 a submission is not acceptable (its problems are listed), 2 unusable arguments.
    """
    folder = _folder(submission, out)
    material = read_material(submission, against=against, train=train, **where)
    if isinstance(material, Check):
        print_problems(material, as_json=False)
        raise SystemExit(1)
    found = report_of(material)
    files: dict[str, str | bytes] = {**tables(found), **figures(found)}
    for gone in {*TABLES, *FIGURES} - files.keys():
        (folder / gone).unlink(missing_ok=True)  # of an earlier report that had more to say
    for name, content in files.items():
        write_whole(folder / name, content)
    print_report(found, Console())
    click.echo(f"{len(files)} tables and figures: {folder}")


def _folder(submission: Path, out: Path | None) -> Path:
    """Where the report goes; InputError when it could overwrite what is no report."""
    if out is None:
        if submission.is_file():
            raise InputError(f"{submission} is a file: add --out FOLDER for the report")
        return submission / "report"
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file: name a folder")
    if out.exists() and any(out.iterdir()) and not (out / MARK).is_file():
        raise InputError(f"--out {out} holds other files: name a new folder, or that of an earlier report")
    return out
