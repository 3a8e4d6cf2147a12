"""Ensembles of concept files: which CUIs enough of the files give an image.

Each file has one vote for each CUI of an image, whatever its case. The merged list has the most voted CUI first and
among equals that which stands first when the files are read one after the other, so the same files in the same order
always give the same bytes:

    a, b, c = {"i": ("C0000001", "C0000002")}, {"i": ("C0000002",)}, {"i": ("C0000003", "C0000001")}
    merge_concepts([a, b, c], least=2)      # {"i": ("C0000001", "C0000002")}
    merge_concepts([a, b, c], least=1)      # {"i": ("C0000001", "C0000002", "C0000003")}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from tasks.nouns import InputError, Task, Value
from tasks.options import EDITION, FILE


def merge_concepts(systems: Sequence[Mapping[str, Value]], *, least: int) -> dict[str, Value]:
    """The CUIs that at least `least` of the systems give each image of the first one."""
    merged: dict[str, Value] = {}
    for image_id in systems[0]:
        votes: Counter[str] = Counter()
        for answers in systems:
            votes.update(_entries(answers[image_id]))
        # most_common keeps equals in the order of their first vote
        merged[image_id] = tuple(cui for cui, n in votes.most_common() if n >= least)
    return merged


def votes_needed(by: str, least: int | None, *, files: int) -> int:
    """How many of the files must give a CUI."""
    if by != "vote" and least is not None:
        raise InputError(f"--min goes with --by vote, not with --by {by}: leave it out")
    needed = {"union": 1, "intersection": files, "vote": 2 if least is None else least}[by]
    if needed > files:
        raise InputError(f"--min {needed} of {files} files leaves nothing: give a smaller number or more files")
    return needed


@click.command("merge")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="A B [C ...]")
@click.option("--by", required=True, type=click.Choice(["union", "intersection", "vote"]), help="Which CUIs to keep.")
@click.option("--min", "least", type=click.IntRange(1), help="Files that must give a CUI, for vote.  [default: 2]")
@click.option("--out", required=True, type=FILE, help="The new table; the zip is written beside it.")
@EDITION
@click.option("--force", is_flag=True, help="Replace files that exist, but none that is read.")
def merge(*, files: tuple[Path, ...], by: str, least: int | None, out: Path, year: str, force: bool) -> None:
    """Merge concept files A, B, ... (tables, zips, JSONL or run folders) that answer the same images.

    union keeps the CUIs of any file, intersection those of all, vote those of at least --min files. The most voted
    CUI goes first, then that of the first file. Rows follow the first file.
    """
    from tasks.convert.commands import write_out
    from tasks.convert.reading import read_alike
    from tasks.editions import load_edition

    if len(files) < 2:
        raise InputError(f"{files[0]} alone cannot be merged: give at least two files")
    edition = load_edition(year, Task.CONCEPTS)
    needed = votes_needed(by, least, files=len(files))
    merged = merge_concepts(read_alike(files, edition=edition), least=needed)
    write_out(out, merged, edition=edition, force=force, sources=files)
    sizes = [len(value) for value in merged.values() if isinstance(value, tuple)]
    click.echo(f"{sum(sizes) / len(sizes):.1f} CUIs an image, {sizes.count(0)} images without one", err=True)


def _entries(value: Value) -> list[str]:
    """The CUIs of one file, each once; an empty cell and a trailing `;` are none."""
    if not isinstance(value, tuple):
        raise TypeError("only concepts can be merged")
    return list(dict.fromkeys(entry.strip().upper() for entry in value if entry.strip()))
