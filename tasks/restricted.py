"""What was made from data under an agreement is marked, and leaves this machine only when the user says it may.

The mark is `data.restricted` in the record beside a file: a run's run.json, a training's training.json, or the
curriculum.json of a curriculum. A run has the mark of its images, of what it learned from and of its adapters. Commands
that make something to hand on refuse what is marked:

    refuse_restricted([Path("submissions/report_generation/mimic")], allowed=False)
    # InputError: ... made from MIMIC-CXR, PhysioNet Credentialed Health Data License 1.5.0: ...

A file that was copied away from its record has no mark, and nobody can know: the agreement is with the user.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click

from tasks.nouns import InputError
from tasks.options import Option

RECORDS = ("run.json", "training.json", "curriculum.json")
MAY: Option = click.option(
    "--i-have-the-right",
    "allowed",
    is_flag=True,
    help="Write it although it was made from data that may not be passed on: you answer for it.",
)


def restriction_of(path: Path) -> str:
    """Why what lies at `path`, a file or the folder of a run, may not be passed on; empty when nothing says so."""
    folders = [place if place.is_dir() else place.parent for place in (path, path.resolve())]  # a link has two
    for record in (folder / name for folder in folders for name in RECORDS):
        try:
            mark = json.loads(record.read_text(encoding="utf-8"))["data"]["restricted"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if mark:
            return str(mark)
    return ""


def refuse_restricted(paths: Iterable[Path], *, allowed: bool) -> None:
    """InputError when one of the paths is marked, unless the user has said that it may be passed on."""
    for path in paths:
        refuse_made_from(restriction_of(path), path, allowed=allowed)


def refuse_made_from(why: str, what: Path, *, allowed: bool) -> None:
    """InputError when `what` was made from, or is, data that may not be passed on; `why` is empty for free data."""
    if why and not allowed:
        raise InputError(
            f"{what} was made from {why}: its agreement forbids to pass it on. If you have the right to, "
            "say so with --i-have-the-right"
        )
