"""The arguments that verbs of this room share, so that each is worded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Option = Callable[[Any], Any]

CONFIG: Option = click.argument("config", type=click.Path(path_type=Path))
SETTINGS: Option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a value, as in generation.num_beams=3."
)
DATA: Option = click.option("--data", help="Data set folder; short for --set data.path=...")
OUT: Option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("submissions"),
    show_default=True,
    help="Where runs are kept.",
)
