"""The verb `concepts ensemble`: several systems made one, by what held-out images say of them."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from runners.options import CONFIG, DATA, OUT, SETTINGS
from tasks.nouns import InputError


@click.command()
@CONFIG
@SETTINGS
@DATA
@click.option("--run", "name", help="Name of the run's folder; default: the config's name and fingerprint.")
@OUT
def ensemble(config: Path, *, settings: tuple[str, ...], data: str | None, name: str | None, out: Path) -> Path:
    """Run the members of CONFIG that are not finished, and combine them.

    CONFIG is a YAML file with `ensemble`, such as configs/concept_detection/ensemble.yaml; `imageclef run` takes it
    too. Weights and decision are tuned on `learn.tune`, and what they are worth on held-out folds is told.
    """
    from runners.experiments import load_experiment, plan_of
    from runners.run import execute, run_folder
    from runners.systems.plan import SystemPlan

    given = [f"data.path={json.dumps(data, ensure_ascii=False)}"] if data is not None else []
    plan = plan_of(load_experiment(config, [*settings, *given]))
    if not isinstance(plan, SystemPlan) or not plan.members:
        raise InputError(f"{config}: no ensemble: name members, as configs/concept_detection/ensemble.yaml does")
    return execute(plan, run_folder(plan, out, name), Console(stderr=True))
