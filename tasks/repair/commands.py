"""The verb `repair`.

imageclef repair old.csv --task 1 --ids ids.csv --out mended --vocabulary cui_mapping.csv --keep-concepts first
imageclef repair predictions.0.jsonl --task 2 --ids test/images --out mended --fill "Chest radiograph."
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from tasks.nouns import Task
from tasks.options import EDITION, IDS, TASK, with_options

SHOWN = 20
"""Unmendable things printed; --json has all."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_options([TASK, EDITION, IDS])
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the mended files.")
@click.option("--fill", metavar="ANSWER", help="For missing rows: `empty`, a text, CUIs, or another submission's file.")
@click.option("--keep", type=click.Choice(["first", "last"]), help="Which of two rows that contradict each other.")
@click.option("--keep-concepts", type=click.Choice(["first"]), help="Cut lists with more CUIs than are taken.")
@click.option("--vocabulary", type=click.Path(path_type=Path), help="cui_mapping.csv: turn names into CUIs.")
@click.option("--force", is_flag=True, help="Replace files in --out, but never FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all changes.")
def repair(
    *,
    file: Path,
    task_name: str,
    year: str,
    ids_path: Path,
    out: Path,
    fill: str | None,
    keep: str | None,
    keep_concepts: str | None,
    vocabulary: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Mend FILE and say every change: a table of any year, JSON, JSONL, Parquet, a journal, a zip or a run folder.

    Writes submission.csv, submission.zip (of reports also submission.json) and changes.json into --out, and invents
    nothing: what is missing is filled only from what --fill names. Exit status: 0 the check accepts the mended file,
    1 it could not be mended and nothing was written, 2 unusable arguments.
    """
    from tasks.concepts import Vocabulary
    from tasks.editions import load_edition
    from tasks.ids import order_is_inferred, read_ids
    from tasks.repair.mend import Options, repair_file

    repaired = repair_file(
        file,
        edition=load_edition(year, Task.of(task_name)),
        ids=read_ids(ids_path),
        out=out,
        options=Options(
            fill=fill,
            keep="first" if keep == "first" else "last" if keep == "last" else None,
            keep_concepts=keep_concepts is not None,
            vocabulary=Vocabulary.load([vocabulary]) if vocabulary else None,
            force=force,
            order_inferred=order_is_inferred(ids_path),
        ),
    )
    if as_json:
        click.echo(json.dumps(repaired.to_json()))
    else:
        from tasks.repair.table import print_repair

        print_repair(repaired, shown=SHOWN)
    raise SystemExit(0 if repaired.done else 1)
