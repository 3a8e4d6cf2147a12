"""The verb `check`.

imageclef check submission.zip --task 1 --ids ids.csv --vocabulary cui_mapping.csv
imageclef check submissions/caption_prediction/base --task 2 --ids test/images --json
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from tasks.nouns import InputError, Task
from tasks.options import EDITION, IDS, TASK, with_options

SHOWN = 20
"""Problems printed; --json has all problems."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_options([TASK, EDITION, IDS])
@click.option("--vocabulary", type=click.Path(path_type=Path), help="cui_mapping.csv: warn of CUIs outside it.")
@click.option("--references", type=click.Path(path_type=Path), help="Reference answers: warn of another mean length.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all problems.")
def check(
    *,
    file: Path,
    task_name: str,
    year: str,
    ids_path: Path,
    vocabulary: Path | None,
    references: Path | None,
    as_json: bool,
) -> None:
    """Say everything that is wrong with FILE: a table, the zip to upload, or a run folder.

    Exit status: 0 the organisers would accept and score it, 1 they would not, 2 unusable arguments. Warnings, such as
    of a text that was cut off, leave it at 0; every code is explained in tasks/PROBLEMS.md.
    """
    from tasks.check import check_file
    from tasks.check_references import reference_length
    from tasks.concepts import Vocabulary
    from tasks.editions import load_edition
    from tasks.ids import order_is_inferred, read_ids

    edition = load_edition(year, Task.of(task_name))
    if file.is_dir() and not (file / edition.zip_member).exists():
        raise InputError(f"{file} holds no {edition.zip_member}: give a run's folder, or the file or zip to upload")
    result = check_file(
        file / edition.zip_member if file.is_dir() else file,
        edition=edition,
        ids=read_ids(ids_path),
        vocabulary=Vocabulary.load([vocabulary]).cuis if vocabulary else None,
        order_inferred=order_is_inferred(ids_path),
        doubts=True,
        reference_length=reference_length(references, edition.task) if references else None,
    )
    if as_json:
        click.echo(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        from tasks.check_table import print_check

        print_check(result, shown=SHOWN)
        if file.suffix.lower() in {".json", ".jsonl", ".parquet"}:
            click.echo(f"{file} is no table to upload: `imageclef repair` makes one of its answers")
    raise SystemExit(0 if result.accepted else 1)
