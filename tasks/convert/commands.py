"""The verb `convert`.

imageclef convert old.tsv --task 1 --from-edition 2020 --to csv --ids-map ids.csv --out submission.csv
imageclef convert submission.zip --task 2 --to coco-results --out results.json
imageclef convert predictions.json --task 3 --to csv --out submission.csv
imageclef convert submissions/report_generation/base --task 3 --to rexrank --rexrank-data ReXRank_IUXray_test.json ...
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tasks.convert.writing import FORMS, Written, write_answers
from tasks.editions import Edition
from tasks.nouns import InputError, Task, Value
from tasks.options import DEFAULT_YEAR, FILE, TASK
from tasks.restricted import MAY, refuse_restricted


@click.command()
@click.argument("file", type=FILE)
@TASK
@click.option(
    "--to", "form", required=True, type=click.Choice(FORMS), help="What to write; csv is the edition's table."
)
@click.option("--out", required=True, type=FILE, help="The new file; of a table, the zip is written beside it.")
@click.option(
    "--from-edition", default=str(DEFAULT_YEAR), show_default=True, help="Year whose rules FILE follows, if a table."
)
@click.option("--to-edition", help="Year of the table to write.  [default: that of --from-edition]")
@click.option("--ids-map", type=FILE, help="Table of two columns: the id in FILE and the id to write.")
@click.option(
    "--rexrank-data", type=FILE, help="ReXrank's data file: its entries, to which --to rexrank adds the predictions."
)
@click.option("--force", is_flag=True, help="Replace files that exist, but none that is read.")
@MAY
def convert(
    *,
    file: Path,
    task_name: str,
    form: str,
    out: Path,
    from_edition: str,
    to_edition: str | None,
    ids_map: Path | None,
    rexrank_data: Path | None,
    force: bool,
    allowed: bool,
) -> None:
    """Write the answers in FILE in another form, or for another year.

    FILE is a table, the zip to upload, a run folder, JSONL, the journal of a run, COCO results or annotations, or
    ReXrank's predictions. Line breaks, and the delimiter in a year without quotes, become a blank, and labels and codes
    have no place in a table or for ReXrank, whose metrics would count them as words: the images are counted and the
    first is named. What else the new form cannot hold is refused, and nothing is written; an empty answer stays one.

    ReXrank's evaluation looks for the gold report beside each prediction: give its data file as --rexrank-data.
    """
    from tasks.convert.reading import read_answers
    from tasks.convert.renaming import read_map, renamed
    from tasks.convert.rexrank import entries_of
    from tasks.editions import load_edition

    task = Task.of(task_name)
    if rexrank_data is not None and form != "rexrank":
        raise InputError(f"--rexrank-data goes with --to rexrank, not with --to {form}: leave it out")
    refuse_restricted([file], allowed=allowed)
    source = load_edition(from_edition, task)
    target = load_edition(to_edition or from_edition, task)
    answers = read_answers(file, edition=source)
    if ids_map is not None:
        answers = renamed(answers, read_map(ids_map), ids_map)
    data = None if rexrank_data is None else entries_of(rexrank_data, answers, allowed=allowed)
    sources = [path for path in (file, ids_map, rexrank_data) if path is not None]
    written = write_answers(out, answers, edition=target, form=form, force=force, sources=sources, data=data)
    say_written(written, len(answers))


def write_out(out: Path, answers: dict[str, Value], *, edition: Edition, force: bool, sources: Sequence[Path]) -> None:
    """Write the edition's table and say so on the error output."""
    say_written(write_answers(out, answers, edition=edition, force=force, sources=sources), len(answers))


def say_written(written: Written, n: int) -> None:
    """What was written, and in which rows it is not letter for letter what was read."""
    click.echo(f"{n} rows: {', '.join(map(str, written.files))}", err=True)
    for ids, said in (
        (
            written.respaced,
            "texts held line breaks, runs of blanks or control characters, each of which is one blank now",
        ),
        (written.undelimited, "captions held the delimiter, which is a blank now, as the year has no quoting"),
        (written.unlabelled, "reports have labels or codes, which are left out: only jsonl has a place for them"),
    ):
        if ids:
            click.echo(f"{len(ids)} {said}; the first is {ids[0]}", err=True)
