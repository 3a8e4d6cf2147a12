"""The verb `compare`: paired tests between submissions.

imageclef compare base.csv tuned.csv --task 1 --references concepts.csv
imageclef compare submissions/caption_prediction/base submissions/caption_prediction/lora --metrics rouge1,cider
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from evaluation.comparison.systems import compare_systems
from evaluation.comparison.table import print_comparison
from evaluation.inputs.arguments import Inputs, print_problems, read_accepted, read_inputs
from evaluation.inputs.options import HOW, WHERE, parted
from tasks.check import Check
from tasks.nouns import InputError, Value
from tasks.options import with_options


@click.command()
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="A B [C ...]")
@with_options(WHERE, HOW)
@click.option("--trials", default=1000, show_default=True, type=click.IntRange(1, 1_000_000), help="Of each test.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compare(
    *,
    submissions: tuple[Path, ...],
    trials: int,
    seed: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare submissions with the first: each a CSV, the zip to upload, or a run folder.

    All are checked and scored alike; paired bootstrap and approximate randomisation say which differences are more
    than noise. Run folders bring their task, edition and references. Exit status: 0 compared, 1 a submission is not
    acceptable (its problems are listed), 2 unusable arguments, or there is no score to compare.
    """
    if len(submissions) < 2:
        raise InputError(f"{submissions[0]} alone cannot be compared: give at least two submissions")
    where, how = parted(options)
    asked = read_inputs(submissions, **where)
    systems = accepted_systems(asked, as_json=as_json)
    comparisons = compare_systems(
        systems,
        asked.gold,
        task=asked.task,
        edition=asked.edition,
        **how,
        trials=trials,
        seed=seed,
        said=asked.warnings,
    )
    if as_json:
        click.echo(json.dumps(comparisons.to_json(), ensure_ascii=False, indent=1, allow_nan=False))
    else:
        print_comparison(comparisons, Console())
    if not comparisons.pairings:
        raise InputError("the submissions have no score in common that can be computed here: the reasons are listed")


def accepted_systems(asked: Inputs, *, as_json: bool) -> dict[str, dict[str, Value]]:
    """The answers of each submission by its name; ends with status 1 and the reasons where one is not acceptable."""
    found = [read_accepted(path, edition=asked.edition, gold=asked.gold) for path in asked.files]
    checks = [one for one in found if isinstance(one, Check)]
    if not checks:
        return {name: one for name, one in zip(asked.names, found, strict=True) if not isinstance(one, Check)}
    if as_json:
        click.echo(json.dumps({"refused": [check.to_json() for check in checks]}, ensure_ascii=False, indent=1))
    for check in checks if not as_json else ():
        print_problems(check, as_json=False)
    raise SystemExit(1)
