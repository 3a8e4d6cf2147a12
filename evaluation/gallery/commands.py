"""The verb `gallery`.

imageclef gallery submissions/caption_prediction/base submissions/caption_prediction/lora --out gallery.html
imageclef gallery submissions/caption_prediction/base --share
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from evaluation.gallery.images import MOST, SIDE, How
from evaluation.inputs.outputs import check_outputs
from tasks.files import write_whole
from tasks.nouns import InputError
from tasks.options import FILE
from tasks.restricted import MAY, refuse_made_from, refuse_restricted


@click.command()
@click.argument("runs", nargs=-1, required=True, type=FILE, metavar="RUN [RUN2]")
@click.option("--out", default="gallery.html", show_default=True, type=FILE, help="The page.")
@click.option(
    "--images",
    "how",
    type=click.Choice(get_args(How)),
    help=f"Small ones within the page, links to the files, or none.  [default: embed up to {MOST:,}, else link]",
)
@click.option("--intersection", is_flag=True, help="Of two runs over different images show those that both answered.")
@click.option("--share", is_flag=True, help="A page to pass on: no images, no references.")
@MAY
def gallery(
    *, runs: tuple[Path, ...], out: Path, how: How | None, intersection: bool, share: bool, allowed: bool
) -> None:
    """Make one page to look through what a run answered, or two runs side by side.

    The page needs no network and no program but a browser: images, answers, references, concepts or labels, scores of
    each image; search, filters, sorting. Exit status: 0 written, 2 unusable arguments.
    """
    from evaluation.gallery.cards import page_data
    from evaluation.gallery.images import default_how, pictures
    from evaluation.gallery.material import read_material
    from evaluation.gallery.page import gallery_page
    from evaluation.gallery.sharing import for_sharing

    if len(runs) > 2:
        raise InputError(f"{len(runs)} runs: a gallery shows one, or two side by side; compare takes more")
    if share and how not in {None, "none"}:
        raise InputError(f"--share leaves images out: leave out --images {how}")
    _check_out(out)
    refuse_restricted(runs, allowed=allowed)
    material = read_material(runs, intersection=intersection)
    refuse_made_from(material.restricted, runs[0], allowed=allowed)
    images = {i: material.known.images[i] for i in material.ids if i in material.known.images}
    chosen: How = "none" if share else how or default_how(images)
    if chosen == "embed" and default_how(images) != "embed":
        click.echo(f"making small pictures of {len(images):,} images, some hundred a second", err=True)
    found = pictures(images, chosen, beside=out)
    data = page_data(material, found)
    if share:
        data = for_sharing(data, restricted=material.restricted)
    for note in data["notes"]:
        click.echo(f"note: {note}", err=True)
    if material.known.unread:
        click.echo(f"warning: {material.known.unread}", err=True)
    page = gallery_page(data).encode("utf-8", "replace")  # a reason may hold half a surrogate pair
    write_whole(out, page)
    pictured = _said(chosen, sum(map(len, found.shown.values())), share)
    click.echo(f"{out}: {len(material.ids):,} images, {len(page) / 1e6:.1f} MB; {pictured}")


def _check_out(out: Path) -> None:
    """InputError unless a page can be written there without loss."""
    if not out.is_dir() and out.suffix.lower() not in {".html", ".htm"}:
        raise InputError(f"--out {out}: the gallery is a page of HTML: end the name in .html")
    check_outputs({"--out": out}, [])


def _said(how: How, shown: int, share: bool) -> str:
    """What became of the images."""
    if share:
        return "to pass on: without images and references"
    if not shown:
        return "no pictures"
    if how == "embed":
        return f"{shown:,} pictures within it, {SIDE} pixels at most: it can be moved"
    return f"linked to {shown:,} pictures: leave it where it is, or put them within it with --images embed"
