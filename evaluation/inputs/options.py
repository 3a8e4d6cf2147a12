"""The options that `score` and `compare` share: where submissions and gold answers come from, how they are scored.

@click.command()
@with_options(WHERE, HOW)
def score(*, seed: int, **options: Any) -> None:
    where, how = parted(options)
    asked = read_inputs([submission], **where)
    score_predictions(..., **how, seed=seed)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from evaluation.inputs.sections import SECTIONS
from evaluation.providers import chosen_models
from evaluation.providers.base import Equipment
from evaluation.providers.package_metric import environment_of
from tasks.nouns import InputError
from tasks.options import DEFAULT_YEAR, FILE, TASK_HELP, Option

GOLD: Sequence[Option] = (
    click.option("--references", type=FILE, help="Label file with the gold answers."),
    click.option("--references-secondary", type=FILE, help="Manual concepts (task 1)."),
    click.option("--edition", "year", help=f"Year whose rules apply.  [default: {DEFAULT_YEAR}, or the run's]"),
    click.option("--groups", metavar="FILE[:COLUMN]", help="Patient or article of each image, drawn as one."),
    click.option("--vocabulary", type=FILE, help="Table of CUIs and names, to look for concepts and to name them."),
)
"""Where gold answers come from."""

WHERE: Sequence[Option] = (
    click.option("--task", "task_name", metavar="TASK", help=TASK_HELP),
    *GOLD,
    click.option("--images", type=FILE, help="Folder with the images, for metrics that look at them."),
    click.option(
        "--section",
        type=click.Choice(SECTIONS),
        default="both",
        show_default=True,
        help="Part of the reports to score (task 3).",
    ),
)
"""The arguments of `read_inputs` by name."""

HOW: Sequence[Option] = (
    click.option(
        "--profile",
        default="imageclef",
        show_default=True,
        help="imageclef, coco; of reports r2gen, raw, rexrank, chexpert.",
    ),
    click.option("--metrics", default="", metavar="A,B,C", help="Only these scores."),
    click.option(
        "--model", "models", multiple=True, metavar="METRIC=PATH", help="Where a metric's model is, or another model."
    ),
    click.option(
        "--official-env",
        type=FILE,
        help="Virtual environment with the metrics' own packages: the organisers' for captions, RadEval for reports.",
    ),
    click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the random draws."),
)
"""How they are scored, and the seed."""


def parted(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of `WHERE`, and those of `HOW` as options of `evaluation.score.score_systems`, the seed apart."""
    where = dict(options)
    profile, metrics, models, environment = (
        where.pop(name) for name in ("profile", "metrics", "models", "official_env")
    )
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    if metrics and not names:
        raise InputError(f"--metrics {metrics!r} names no score: write --metrics rouge1,cider, or leave it out for all")
    how = {
        "profile": profile,
        "metrics": names,
        "equipment": Equipment(chosen_models(models), environment_of(environment)),
    }
    return where, how
