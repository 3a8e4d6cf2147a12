"""The verb `paper`.

imageclef paper submissions/caption_prediction/base submissions/caption_prediction/lora --out paper
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evaluation.inputs.options import HOW, parted
from evaluation.paper.folder import Written, check_folder, write_folder
from evaluation.paper.pieces import MAIN, files_of
from evaluation.paper.reading import read_material
from tasks.options import FILE, with_options
from tasks.restricted import MAY, refuse_restricted


@click.command()
@click.argument("runs", nargs=-1, required=True, type=FILE, metavar="RUN...")
@click.option("--out", required=True, type=FILE, metavar="FOLDER", help="Where to write.")
@with_options(HOW, [MAY])
def paper(*, runs: tuple[Path, ...], out: Path, allowed: bool, seed: int, **options: Any) -> None:
    """Write the parts of a paper on finished runs: tables, figures, examples, set-up, references, a checklist.

    The runs answer the same images; the first is the baseline. main.tex puts the parts together and is yours after the
    first time; so is every part that you change: the new form is then written beside it, as NAME.new.tex. Exit status:
    0 written, 2 unusable arguments.
    """
    refuse_restricted(runs, allowed=allowed)
    check_folder(out)
    _, how = parted(options)
    material = read_material(runs, seed=seed, how=how)
    done = write_folder(out, files_of(material, seed=seed), users=(MAIN,))
    _say(done, out)


def _say(done: Written, folder: Path) -> None:
    for name in done.kept:
        click.echo(f"kept: {folder / name} {'is yours' if name == MAIN else 'was changed by you'}")
    for name in done.beside:
        click.echo(f"ours is beside it: {folder / name}")
    click.echo(f"{len(done.new)} files: {folder}")
    click.echo(f"compile: cd {folder} && pdflatex main && bibtex main && pdflatex main && pdflatex main")
