"""A finished run of the stand-in model, run again or frozen, as a user would by the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from rich.console import Console

from runners.config_files import load
from runners.plan import make_plan
from runners.reproduction.commands import freeze, reproduce
from runners.run import execute
from tests.runners.standin import Standin, Use, make_config, make_data

QUIET = Console(quiet=True)


def make_run(folder: Path, use: Use, *extra: str, model: Standin | None = None) -> Path:
    """A finished run `<folder>/runs/caption_prediction/base` over twelve grey images in `<folder>/data`."""
    use(model or Standin())
    plan = make_plan(load(make_config(folder, make_data(folder / "data"), *extra)))
    return execute(plan, folder / "runs" / "caption_prediction" / "base", QUIET)


def again(run: Path, *words: str) -> Result:
    """`imageclef reproduce RUN`, without the scoring that follows it."""
    return CliRunner().invoke(reproduce, [str(run), *words], standalone_mode=False)


def frozen(run: Path, archive: Path, *words: str) -> Result:
    """`imageclef freeze RUN --out ARCHIVE`."""
    return CliRunner().invoke(freeze, [str(run), "--out", str(archive), *words], standalone_mode=False)


def told(folder: Path) -> dict[str, Any]:
    """A reproduction's own record."""
    content: dict[str, Any] = json.loads((folder / "reproduction.json").read_text(encoding="utf-8"))
    return content


def edited(folder: Path, file: str = "run.json", /, **keys: Any) -> None:
    """Replace keys of a JSON file of the run."""
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | keys), encoding="utf-8")


def verdicts(folder: Path) -> dict[str, str]:
    """What was checked -> same, differs or unknown."""
    return {check["what"]: check["verdict"] for check in told(folder)["checks"]}
