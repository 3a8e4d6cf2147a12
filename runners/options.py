"""The arguments that verbs of this room share, so that each is worded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Option = Callable[[Any], Any]

CONFIG: Option = click.argument("config", type=click.Path(path_type=Path))


def settings_like(example: str) -> Option:
    """Overrides of a config's values."""
    return click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help=f"Override a value, as in {example}."
    )


def kept_in(folder: str, what: str) -> Option:
    """Where what a verb makes is kept: `folder`, unless another is said."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=Path(folder),
        show_default=True,
        help=f"Where {what} are kept.",
    )


SETTINGS = settings_like("generation.num_beams=3")
DATA: Option = click.option("--data", help="Data set folder; short for --set data.path=...")
OUT = kept_in("submissions", "runs")
