"""The verbs `run` (a config to a submission) and `config` (what a config means)."""

from __future__ import annotations

import gc
import json
import shlex
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runners.config_files import Loaded, flatten, load_as
from runners.options import CONFIG, DATA, OUT, SETTINGS
from tasks.nouns import InputError

if TYPE_CHECKING:
    from runners.run import Session


@click.command()
@CONFIG
@SETTINGS
@DATA
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N images.")
@click.option(
    "--processes", type=click.IntRange(min=1), default=1, help="Processes on this machine that share the work."
)
@click.option("--ray", "actors", type=click.IntRange(min=1), help="Actors of a Ray cluster that share the work.")
@click.option("--run", "name", help="Name of the run's folder; default: the config's name and fingerprint.")
@OUT
def run(
    config: Path,
    *,
    settings: tuple[str, ...],
    data: str | None,
    limit: int | None,
    processes: int,
    actors: int | None,
    name: str | None,
    out: Path,
) -> Path | None:
    """Answer every image of a split and write a checked submission.

    CONFIG is a YAML file such as configs/caption_prediction/sample.yaml. A run that was stopped goes on where it
    was, with as many processes as now named; a finished one is left as it is. Under torchrun or Slurm's srun each
    process takes its share by itself. Exit status: 0 done, 1 stopped because too many images or all processes failed,
    2 unusable arguments or no place to write, 130 or 143 stopped by Ctrl-C or SIGTERM and resumable.
    """
    from runners.experiments import load_experiment, plan_of
    from runners.launch import WATCHING, AllProcessesFailed, launch
    from runners.loop import TooManyFailures
    from runners.plan import ModelPlan
    from runners.ray_session import answer_with_ray
    from runners.run import execute, run_folder
    from runners.sharing import place_of

    # Examples and predictions come by the ten thousand and hold no cycles: looking for some took a quarter of a resume.
    gc.set_threshold(100_000)
    console = Console(stderr=True)
    plan = plan_of(load_experiment(config, [*settings, *_shortcuts(data, limit)]))
    folder = run_folder(plan, out, name)
    said = [*(("--set", setting) for setting in settings), ("--data", data), ("--limit", limit)]
    options = [str(word) for option, value in said if value is not None for word in (option, value)]
    words = ["run", str(config), *options, "--run", folder.name, "--out", str(out)]
    many = ["--processes", str(processes)] if processes > 1 else ["--ray", str(actors)] if actors else []
    again = shlex.join(["imageclef", *words, *many])
    try:
        place = place_of()
        session: Session[Any] | None = None
        if (processes > 1 or actors) and not isinstance(plan, ModelPlan):
            raise InputError("--processes, --ray: a system answers in one process: leave them out")
        if processes > 1:
            if place.processes > 1 or actors:
                raise InputError("--processes: torchrun, Slurm or --ray starts several already: leave it out")
            place = WATCHING
            session = partial(launch, processes=processes, command=[sys.executable, "-m", "imageclef", *words])
        elif actors:
            session = partial(answer_with_ray, actors=actors)
        execute(plan, folder, console, place, session=session)
    except (TooManyFailures, AllProcessesFailed) as error:
        click.echo(f"stopped: {error}\nthe journal is kept; to go on: {again}", err=True)
        sys.exit(1)
    except OSError as error:
        cause = f"{error.filename or folder}: {error.strerror or error}"
        raise InputError(
            f"{cause}\nwhat is in the journal is kept; when this is mended, go on with: {again}"
        ) from error
    except (KeyboardInterrupt, SystemExit) as stop:
        click.echo(f"stopped; to resume: {again}", err=True)
        sys.exit(130 if isinstance(stop, KeyboardInterrupt) else stop.code)
    return folder if place.processes == 1 else None  # one of many leaves the scoring to whoever started them


@click.group()
def config() -> None:
    """Look at configs."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
@SETTINGS
def show(file: Path, settings: tuple[str, ...]) -> None:
    """Print the resolved config FILE, of a run or a training, and where each value was said."""
    loaded = _run_or_training(file, settings)
    table = Table(title=escape(str(file)), title_justify="left")
    for heading in ("key", "value", "from"):
        table.add_column(heading, overflow="fold")
    for key, value in flatten(loaded.config).items():
        said = [o for k, o in loaded.origins.items() if k == key or key.startswith(f"{k}.")]
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        table.add_row(key, escape(shown), escape(said[0]) if said else "[dim]default[/dim]")
    Console().print(table)


def _run_or_training(file: Path, settings: tuple[str, ...]) -> Loaded[Any]:
    from runners.experiments import load_experiment
    from runners.training.config import TrainConfig

    try:
        return load_experiment(file, settings)
    except InputError:
        with suppress(InputError):
            return load_as(TrainConfig, file, settings)
        raise


def _shortcuts(data: str | None, limit: int | None) -> list[str]:
    said = {"data.path": data, "data.limit": limit}
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in said.items() if value is not None]
