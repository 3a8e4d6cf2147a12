"""`prompts compare`: several prompts over the same images, one run each, for a paired comparison of their scores."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.options import CONFIG, DATA, OUT, SETTINGS

if TYPE_CHECKING:
    from runners.models import Model


@click.command()
@CONFIG
@click.option("--prompts", "names", required=True, metavar="A,B,...", help="Names of prompts, or text files.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(min=1), help="Only the first N images.")
@DATA
@SETTINGS
@OUT
def compare(
    config: Path, *, names: str, limit: int, data: str | None, settings: tuple[str, ...], out: Path
) -> list[Path]:
    """Run CONFIG once with each prompt on the same images, and compare the scores with the first prompt's.

    The model is loaded once. Each prompt's run is a run like any other: it is resumed, kept and can be scored again.
    Use a split with references, such as --set data.split=valid. Exit status 1: too many images failed with a prompt.
    """
    from rich.console import Console

    from runners.config_files import load
    from runners.loop import TooManyFailures
    from runners.plan import make_plan
    from runners.run import execute, run_folder
    from runners.session import answer_here
    from tasks.nouns import InputError

    asked = [name.strip() for name in names.split(",") if name.strip()]
    if len(set(asked)) < max(2, len(asked)):
        raise InputError(f"--prompts: '{names}' must name two prompts or more, each once: A,B")
    common = [*settings, f"data.limit={limit}", *([f"data.path={json.dumps(data)}"] if data else [])]
    plans = [make_plan(load(config, [*common, *_prompt(name)])) for name in asked]
    if len({plan.fingerprint for plan in plans}) < len(plans):
        raise InputError(f"--prompts: two of '{names}' ask the same; name each text once")
    if not any(e.reference for e in plans[0].examples):
        split = plans[0].config.data.split
        raise InputError(f"data.split: '{split}' has no references to compare with: --set data.split=valid, or train")

    @cache
    def loaded() -> Model:
        from runners.models import load_model

        return load_model(plans[0].config, plans[0].base, plans[0].adapters)

    console = Console(stderr=True)
    folders = []
    for name, plan in zip(asked, plans, strict=True):
        console.print(f"prompt {name}: {plan.prompt[:200]!r}", highlight=False, markup=False, soft_wrap=True)
        folder = run_folder(plan, out, f"{Path(name).stem}-{plan.fingerprint[:8]}")
        session = answer_here if plan.config.model.served else partial(answer_here, load=lambda *_: loaded())
        try:
            folders.append(execute(plan, folder, console, session=session))
        except TooManyFailures as error:
            click.echo(f"stopped at prompt {name}: {error}\nwhat is done is kept; the same command goes on", err=True)
            sys.exit(1)
    return folders


def _prompt(name: str) -> Sequence[str]:
    given = "file" if Path(name).suffix else "name"
    return [f"prompt.{key}={json.dumps(name) if key == given else 'null'}" for key in ("name", "text", "file")]
