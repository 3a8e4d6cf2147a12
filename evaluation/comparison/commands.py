"""The verb `compare`: paired tests between submissions.

imageclef compare base.csv tuned.csv --task 1 --references concepts.csv
imageclef compare submissions/caption_prediction/base submissions/caption_prediction/lora --metrics rouge1,cider
imageclef compare runs/a runs/b runs/c --all-pairs --by modality --out table.tex --out table.html
"""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console

from evaluation.comparison.grouping import BY
from evaluation.comparison.runs import read_systems, scored_as
from evaluation.comparison.show import print_comparison
from evaluation.comparison.systems import compare_systems
from evaluation.comparison.tables import all_tables
from evaluation.inputs.arguments import print_problems, read_inputs
from evaluation.inputs.options import HOW, WHERE, parted
from evaluation.inputs.outputs import check_outputs, files_of_submissions, files_read, tables_of_data
from evaluation.inputs.references import References
from evaluation.tables.forms import form_of, write_tables
from tasks.nouns import InputError, Value
from tasks.options import FILE, Option, with_options

TESTS: Sequence[Option] = (
    click.option("--trials", default=1000, show_default=True, type=click.IntRange(1, 1_000_000), help="Of each test."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)
"""The options of verbs that compare."""


class Compared(NamedTuple):
    """What a verb that compares has read."""

    systems: Mapping[str, Mapping[str, Value]]
    """The answers of each submission by its name."""
    gold: References
    how: Mapping[str, Any]
    """The arguments of `compare_systems` by name."""


@click.command()
@click.argument("submissions", nargs=-1, required=True, type=FILE, metavar="A B [C ...]")
@with_options(WHERE, HOW, TESTS)
@click.option("--all-pairs", is_flag=True, help="Compare every two, not each with the first.")
@click.option("--by", multiple=True, type=click.Choice(list(BY)), help="Compare groups of images, too.")
@click.option("--intersection", is_flag=True, help="Compare on the images that all of them answer.")
@click.option("--out", multiple=True, type=FILE, metavar="FILE", help="Write .md, .csv, .tex or .html.")
def compare(
    *,
    submissions: tuple[Path, ...],
    all_pairs: bool,
    by: tuple[str, ...],
    intersection: bool,
    out: tuple[Path, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Compare submissions with the first, or all with one another: each a CSV, the zip to upload, or a run folder.

    All are checked and scored alike; paired bootstrap and approximate randomisation say which differences are more
    than noise. Run folders bring their task, edition and references. Exit status: 0 compared, 1 a submission is not
    acceptable (its problems are listed), 2 unusable arguments, or there is no score to compare.
    """
    if len(submissions) < 2:
        raise InputError(f"{submissions[0]} alone cannot be compared: give at least two submissions")
    for path in out:
        form_of(path)
    gc.set_threshold(100_000)  # rows by the million hold no cycles, and looking for some is a tenth of the time
    read = read_compared(submissions, options, as_json=as_json, intersection=intersection, out=out)
    found = compare_systems(read.systems, read.gold, **read.how, all_pairs=all_pairs, by=tuple(dict.fromkeys(by)))
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=1, allow_nan=False))
    else:
        print_comparison(found, Console())
    if not found.pairings:
        raise InputError("the submissions have no score in common that can be computed here: the reasons are listed")
    for path in out:
        write_tables(path, all_tables(found))


def read_compared(
    submissions: Sequence[Path],
    options: Mapping[str, Any],
    *,
    as_json: bool,
    intersection: bool = False,
    out: Sequence[Path] = (),
) -> Compared:
    """The submissions and how to compare them; ends with status 1 and the reasons where one is not acceptable.

    `options` are the values of `WHERE`, `HOW` and `--trials`; `out` are files that will be written.
    """
    where, how = parted({name: value for name, value in options.items() if name not in {"trials", "seed"}})
    asked = read_inputs(submissions, **where, intersection=intersection)
    own = [*files_of_submissions(submissions, asked.files), *tables_of_data(submissions), *files_read(**where)]
    check_outputs({"--out": out}, own)
    systems, refused = read_systems(asked)
    if refused:
        if as_json:
            click.echo(json.dumps({"refused": [check.to_json() for check in refused]}, ensure_ascii=False, indent=1))
        for check in refused if not as_json else ():
            print_problems(check, as_json=False)
        lacking = any(one.code == "id-missing" for check in refused for one in check.problems)
        if lacking and not intersection and all(check.n_rows for check in refused):
            click.echo("to compare on the images that all of them answer: --intersection", err=True)
        raise SystemExit(1)
    drawn = {"trials": options["trials"], "seed": options["seed"]}
    return Compared(systems, asked.gold, {**scored_as(asked), **how, **drawn})
