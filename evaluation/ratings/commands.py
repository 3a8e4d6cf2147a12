"""The verbs `reports sheet` and `reports agreement`.

imageclef reports sheet submissions/report_generation/knn submissions/report_generation/tuned --out rating --n 50
imageclef reports agreement rater-1.csv rater-2.csv --key rating/key.csv
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from tasks.files import write_whole
from tasks.nouns import InputError
from tasks.options import FILE
from tasks.reports.privacy import identifying
from tasks.restricted import MAY, refuse_restricted

if TYPE_CHECKING:
    from evaluation.ratings.sheet import Row

KEY = "key.csv"
ITEMS = "items.yaml"
RATERS = "for-raters"
"""The folder to hand out; the key lies outside it."""


@click.command()
@click.argument("systems", nargs=-1, required=True, type=FILE, metavar="RUN_A [RUN_B ...]")
@click.option("--out", required=True, type=FILE, metavar="FOLDER", help="A new folder for the sheets and the key.")
@click.option("--n", default=50, show_default=True, type=click.IntRange(1), help="Studies to draw.")
@click.option("--raters", default=2, show_default=True, type=click.IntRange(1, 100), help="Sheets to make.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the draws.")
@click.option("--items", "items_path", type=FILE, help="YAML with questions of your own.  [default: five]")
@click.option("--with-reference", is_flag=True, help="The gold texts as one more, blinded system.")
@click.option("--no-images", is_flag=True, help="Pages without images, to pass on where images may not be.")
@MAY
def sheet(
    *,
    systems: tuple[Path, ...],
    out: Path,
    n: int,
    raters: int,
    seed: int,
    items_path: Path | None,
    with_reference: bool,
    no_images: bool,
    allowed: bool,
) -> None:
    """Make blind rating sheets for experts, of runs or of CSVs and zips beside a run.

    FOLDER/for-raters gets a page that works offline, and the same as a CSV, for each rater; FOLDER/key.csv says which
    system wrote which text and stays with you. Exit status: 0 written, 2 unusable arguments.
    """
    from evaluation.ratings.items import read_items
    from evaluation.ratings.material import read_material
    from evaluation.ratings.page import page, pictures
    from evaluation.ratings.sheet import draw, for_rater, instructions, key_table, sheet_table

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out} exists and is not empty, and ratings may lie in it: name a new folder")
    refuse_restricted(systems, allowed=allowed)
    items = read_items(items_path)
    material = read_material(systems, with_reference=with_reference)
    rows = draw(material, n=n, seed=seed)
    studies = list(dict.fromkeys(row.study for row in rows))
    shown = {} if no_images else pictures(material, studies)
    write_whole(out / KEY, key_table(rows))
    write_whole(out / ITEMS, json.dumps([item.to_json() for item in items], ensure_ascii=False, indent=1) + "\n")
    write_whole(out / RATERS / "README.txt", instructions(items))
    for rater in range(1, raters + 1):
        own = for_rater(rows, rater=rater, seed=seed)
        write_whole(out / RATERS / f"rater-{rater}.csv", sheet_table(own, items))
        write_whole(out / RATERS / f"rater-{rater}.html", page(own, items, pictures=shown, rater=rater))
    for said in _doubts(rows, shown, n, material.unreferenced):
        click.echo(f"warning: {said}", err=True)
    click.echo(f"{len(rows)} texts about {len(studies)} studies, {raters} raters: hand out {out / RATERS}")
    click.echo(f"which system wrote which text: {out / KEY}, which no rater may see")


def _doubts(rows: Sequence[Row], shown: Mapping[str, Sequence[str]], n: int, unreferenced: int) -> Iterator[str]:
    """What to look at before the sheets are handed out."""
    studies = {row.study for row in rows}
    if unreferenced:
        yield f"{unreferenced} studies without a reference are left out: none of them is on the sheet"
    if len(studies) < n:
        yield f"there are only {len(studies)} studies, and all are on the sheet"
    if blank := [study for study, pictures in shown.items() if not pictures]:
        yield f"no image of {len(blank)} studies can be opened, the first is {blank[0]}"
    personal = {row.code: (row, said[0]) for row in rows if (said := identifying(" ".join(row.sections.values())))}
    if personal:
        row, what = next(iter(personal.values()))
        yield f"{len(personal)} texts may identify a person, the first is {row.system}'s on {row.study}: {what}"


@click.command()
@click.argument("sheets", nargs=-1, required=True, type=FILE, metavar="SHEET [SHEET ...]")
@click.option("--key", required=True, type=FILE, help="The key.csv that the sheets were made with.")
@click.option("--items", "items_path", type=FILE, help="Their questions.  [default: items.yaml beside the key]")
@click.option("--missing", is_flag=True, help="Take sheets in which cells are empty or rows are lacking.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the random draws.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, comments of the raters included.")
def agreement(
    *, sheets: tuple[Path, ...], key: Path, items_path: Path | None, missing: bool, seed: int, as_json: bool
) -> None:
    """Say what filled rating sheets tell of each system, and how far the raters agree.

    One file a rater, from the page or a spreadsheet. Means and shares of levels with 95 % intervals, differences from
    the first system, exact agreement, Gwet's AC1 or AC2, Cohen's kappa and Krippendorff's alpha. Exit status: 0
    counted, 2 a sheet has faults (all are listed with file, line and mend) or the arguments are unusable.
    """
    from evaluation.ratings.items import read_items
    from evaluation.ratings.reading import read_ratings
    from evaluation.ratings.results import results
    from evaluation.ratings.table import print_results

    beside = key.parent / ITEMS
    items = read_items(items_path or (beside if beside.is_file() else None))
    found = results(read_ratings(sheets, key=key, items=items, missing=missing), seed=seed)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False))
    else:
        print_results(found, Console())
