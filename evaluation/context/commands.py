"""The verb `compare-context`: what the context of the patient is worth.

imageclef compare-context submissions/report_generation/off submissions/report_generation/on
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from evaluation.comparison.commands import TESTS, read_compared
from evaluation.context.compare import compare_context as compare_runs
from evaluation.context.switch import switch_of
from evaluation.context.table import print_context
from evaluation.inputs.options import HOW, WHERE
from tasks.nouns import InputError
from tasks.options import with_options

RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("off", type=RUN, metavar="RUN_OFF")
@click.argument("on", type=RUN, metavar="RUN_ON")
@with_options(WHERE, HOW, TESTS)
def compare_context(*, off: Path, on: Path, as_json: bool, **options: Any) -> None:
    """Compare a run that is not told of the patient with one that is.

    Both answer the same images with the same seed; RUN_ON's prompt reads {{ context }} (such as report_context). The
    scores, and of reports the labels and codes, are compared by paired tests, each label alone too. Whatever else
    differs between the runs is named. Exit status: 0 compared, 1 a submission is not acceptable, 2 unusable arguments,
    or there is no score to compare.
    """
    switch = switch_of(off, on)
    read = read_compared((off, on), options, as_json=as_json)
    compared = compare_runs(read.systems, read.gold, **read.how)
    if as_json:
        document = {"prompts": [switch.off, switch.on], "also": list(switch.also), **compared.to_json()}
        click.echo(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False))
    else:
        print_context(compared, switch, Console())
    if not compared.scores.pairings:
        raise InputError("the runs have no score in common that can be computed here: the reasons are listed")
