"""The options that several verbs share, so that each is worded once.

@click.command()
@with_options([TASK, EDITION, IDS])
def check(*, task_name: str, year: str, ids_path: Path) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

DEFAULT_YEAR = 2026
FILE = click.Path(path_type=Path)
Command = TypeVar("Command", bound=Callable[..., object])
Option = Callable[[Any], Any]

TASK_HELP = "concepts, captions or reports (or 1, 2, 3)."
TASK: Option = click.option("--task", "task_name", required=True, metavar="TASK", help=TASK_HELP)
EDITION: Option = click.option(
    "--edition", "year", default=str(DEFAULT_YEAR), show_default=True, help="Year whose rules apply."
)
IDS: Option = click.option(
    "--ids",
    "ids_path",
    required=True,
    type=FILE,
    help="The images to answer: ids.csv, any table with ids in front, a text list, or the image folder.",
)
SUBMISSIONS: Option = click.option(
    "--submissions", type=FILE, default=Path("submissions"), show_default=True, help="Where runs are kept."
)


def with_options(*groups: Sequence[Option]) -> Callable[[Command], Command]:
    """A decorator that gives a command these options, in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate
