"""The verb `reports labels`.

imageclef reports labels submission.csv --out labels.csv
imageclef reports labels ../data/iu_xray --split test
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from tasks.files import write_whole
from tasks.nouns import InputError, Report, Task
from tasks.options import DEFAULT_YEAR, FILE
from tasks.restricted import MAY, refuse_made_from, refuse_restricted


@click.command()
@click.argument("source", metavar="FILE|RUN|DATA")
@click.option("--split", help="The split of DATA to label, such as test; needed for a data set alone.")
@click.option("--out", type=FILE, help="The table to write.  [default: standard output]")
@click.option("--force", is_flag=True, help="Replace the table if it exists.")
@MAY
def labels(*, source: str, split: str | None, out: Path | None, force: bool, allowed: bool) -> None:
    """Label reports with CheXpert's fourteen observations, by rules with negation and doubt.

    FILE is a table, zip, JSONL or journal of reports, RUN the folder of a run, DATA that of a data set (or `sample`),
    whose references are labelled. Findings and impression are both read. The table has a row for each report, in
    their order: 1 present, 0 absent, -1 uncertain, empty where nothing is said. Beside a data set's reports.csv, as
    labels.csv, it is read with them. Exit status: 0 written, 2 nothing to label or unusable arguments.
    """
    from tasks.reports.labeler import label_report
    from tasks.reports.labels import LABELS, label_table

    reports = _of_run(Path(source), allowed=allowed) if split is None else _of_data(source, split, allowed=allowed)
    if out is not None:
        _refuse_existing(out, Path(source), force=force)
    found = {image_id: label_report(report) for image_id, report in reports.items()}
    table = label_table(found)
    if out is None:
        sys.stdout.write(table)
    else:
        write_whole(out, table)
    for name in LABELS:
        values = [values[name] for values in found.values()]
        click.echo(
            f"{name:<27}{values.count(1):6} present{values.count(-1):6} uncertain{values.count(0):6} absent", err=True
        )
    click.echo(f"{len(found)} reports labelled{f': {out}' if out else ''}", err=True)


def _of_run(path: Path, *, allowed: bool) -> Mapping[str, Report]:
    """The reports of a file, or of the folder of a run."""
    from tasks.convert.reading import read_answers
    from tasks.editions import load_edition

    edition = load_edition(str(DEFAULT_YEAR), Task.REPORTS)
    if path.is_dir() and not (path / edition.zip_member).is_file():
        raise InputError(f"{path} holds no {edition.zip_member}: give the folder of a run, or a data set with --split")
    refuse_restricted([path], allowed=allowed)
    answers = read_answers(path, edition=edition)
    return {image_id: value for image_id, value in answers.items() if isinstance(value, Report)}


def _of_data(folder: str, split: str, *, allowed: bool) -> Mapping[str, Report]:
    """The references of a data set's split."""
    from tasks.datasets import open_dataset

    data = open_dataset(folder)
    refuse_made_from(data.restricted, data.root, allowed=allowed)
    examples = data.examples(Task.REPORTS, split)
    reports = {example.image_id: example.reference for example in examples if isinstance(example.reference, Report)}
    if not reports:
        raise InputError(f"{folder}: no reference report in split '{split}': choose a split that has them")
    return reports


def _refuse_existing(out: Path, source: Path, *, force: bool) -> None:
    if out.is_dir():
        raise InputError(f"{out} is a folder: name the table to write in it")
    if not out.exists():
        return
    if source.exists() and source.samefile(out.parent if source.is_dir() else out):
        raise InputError(f"{out} is part of what is read, and would be replaced: give --out another name or folder")
    if not force:
        raise InputError(f"{out} exists: give --out a new name, or --force to replace it")
