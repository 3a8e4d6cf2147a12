"""The verb `diff`.

imageclef diff old.csv new.zip --task 1 --vocabulary cui_mapping.csv
imageclef diff runs/base runs/lora --task 2 --references captions.csv --json
"""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from evaluation.diff.content import compare_contents
from evaluation.diff.effect import effect_of
from evaluation.diff.table import print_diff, to_json
from evaluation.inputs.references import references_of_files
from tasks.concepts import Vocabulary
from tasks.convert.reading import read_answers
from tasks.editions import load_edition
from tasks.nouns import InputError, Task
from tasks.options import EDITION, FILE, TASK, with_options


@click.command()
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@with_options([TASK, EDITION])
@click.option("--references", type=FILE, help="Label file with the gold answers: say which side gained.")
@click.option("--vocabulary", type=FILE, help="Table of CUIs and names: name the concepts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with everything.")
def diff(
    *,
    a: Path,
    b: Path,
    task_name: str,
    year: str,
    references: Path | None,
    vocabulary: Path | None,
    as_json: bool,
) -> None:
    """Say what changed from A to B: tables, zips, JSON forms or run folders.

    The check need not accept them, but each image has one row, with the fields of the task. Content is compared, not
    quoting, order, delimiter or line ends. Exit status: 0 compared, whether they differ or not, 2 unusable arguments.
    """
    edition = load_edition(year, Task.of(task_name))
    if vocabulary is not None and edition.task is not Task.CONCEPTS:
        raise InputError("--vocabulary names concepts: use it with task 1")
    names = Vocabulary.load([vocabulary]) if vocabulary else None
    ours, theirs = (read_answers(path, edition=edition) for path in (a, b))
    if not ours.keys() & theirs.keys():
        raise InputError(
            f"{a} and {b} have no image in common, {a} has {next(iter(ours), 'none')}: give answers to the same set"
        )
    found = compare_contents(ours, theirs)
    effect = None
    if references is not None:
        gold = references_of_files(references, secondary=None, task=edition.task, edition=edition)
        effect = effect_of(ours, theirs, gold, edition=edition)
    if as_json:
        head = {"task": edition.task.value, "edition": edition.year, "a": str(a), "b": str(b)}
        document = head | to_json(found, (ours, theirs), vocabulary=names, effect=effect)
        click.echo(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        console = Console()
        print_diff(found, (ours, theirs), console, names=(str(a), str(b)), vocabulary=names, effect=effect)
