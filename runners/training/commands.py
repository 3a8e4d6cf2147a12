"""The verb `train`: a config to an adapter that `imageclef run` takes."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from runners.config_files import Loaded, load_as
from runners.experiments import load_experiment
from runners.options import CONFIG, DATA, kept_in, settings_like
from runners.training.config import TrainConfig
from runners.training.survival import TrainingStopped
from tasks.nouns import InputError


@click.command()
@CONFIG
@settings_like("optimization.epochs=3")
@DATA
@click.option("--name", help="Name of the training's folder; default: the config's name.")
@kept_in("trainings", "trainings")
@click.option("--dry-run", is_flag=True, help="Say what would be trained, on which tokens; train nothing.")
@click.option(
    "--overfit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Learn N images by heart instead: what cannot do that cannot learn at all.",
)
@click.pass_context
def train(
    context: click.Context,
    config: Path,
    *,
    settings: tuple[str, ...],
    data: str | None,
    name: str | None,
    out: Path,
    dry_run: bool,
    overfit: int | None,
) -> None:
    """Train an adapter, stage by stage, and score it on the validation images.

    CONFIG is a YAML file such as configs/caption_prediction/train-sample.yaml. The training lies in
    OUT/<task>/<name>; one that was stopped goes on where it was, a finished one is left as it is. Under torchrun the
    processes share each batch. Exit status: 0 done, 1 stopped because the loss is not a number, memory is too small
    or the model learnt nothing, 2 unusable arguments or no place to write, 130 or 143 stopped by Ctrl-C or SIGTERM
    and resumable.
    """
    loaded = _load(config, [*settings, *([f"data.path={json.dumps(data)}"] if data else [])])
    console = Console(stderr=True)
    if dry_run:
        from runners.training.dry_run import dry_run as show

        show(loaded.config, Console())
        return
    name = _name(loaded.name + (f"-overfit-{overfit}" if overfit else "") if name is None else name)
    folder = out / loaded.config.task.value / name
    again = shlex.join(["imageclef", *sys.argv[1:]])
    from runners.models.noise import silence

    silence()
    from runners.training.loop import train as train_into

    try:
        train_into(loaded.config, name, folder, score=context.obj, console=console, overfit=overfit)
    except TrainingStopped as error:
        click.echo(f"stopped: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as stop:
        click.echo(f"stopped; to go on from the last checkpoint: {again}", err=True)
        sys.exit(130 if isinstance(stop, KeyboardInterrupt) else stop.code)


def _load(path: Path, settings: Sequence[str]) -> Loaded[TrainConfig]:
    """The config of a training; InputError that says so where the file is a run's."""
    try:
        return load_as(TrainConfig, path, settings)
    except InputError:
        if _fits(load_experiment, path) and not _fits(partial(load_as, TrainConfig), path):
            raise InputError(
                f"{path}: a config for `imageclef run`; one for `imageclef train` says what is learnt from and how, as "
                "configs/caption_prediction/train-sample.yaml does"
            ) from None
        raise


def _fits(read: Callable[[Path], object], path: Path) -> bool:
    try:
        read(path)
    except InputError:
        return False
    return True


def _name(name: str) -> str:
    if name in {"", ".", ".."} or re.search(r"[/\\\0]", name):
        raise InputError(f"--name '{name}': a training's name is one folder's name, without / and not . or ..")
    return name
