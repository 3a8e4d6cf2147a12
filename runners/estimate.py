"""The verb `estimate`: how long a run will take, measured on a few of its own images.

Each batch size answers images spread evenly over the split, through the loop of a real run. The first batch warms up
and does not count; from the others come the mean seconds an image takes and its 95 % interval (Student's t over the
batches: they are few, and far from normal only where sizes differ much). Of a served model as many batches as are
under way at once are taken for one: their answers come together. A run of N images takes loading plus N times that.
Nothing is written.

    imageclef estimate configs/caption_prediction/qwen2-vl-2b.yaml --images 19267 --price 1.2
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.options import CONFIG, DATA, SETTINGS

if TYPE_CHECKING:
    from runners.models import Model
    from runners.plan import ModelPlan

LEAST_BATCHES = 4
"""Batches measured at each size: fewer give no interval worth the name."""


@dataclass(frozen=True)
class Estimate:
    """What a run would take at one batch size."""

    batch_size: int
    measured: int
    """Images timed."""
    seconds_per_image: float
    hours: tuple[float, float, float]
    """Of the whole run, loading included: expected, and the ends of the 95 % interval."""
    memory_bytes: int
    """Peak so far: of the accelerator, or on a CPU of the process."""
    disk_bytes: int
    """Journal, table and submission."""
    cost: tuple[float, float, float] | None
    """Hours times the price of one."""
    failed: int


@click.command()
@CONFIG
@click.option("--images", type=click.IntRange(min=1), help="Images of the run.  [default: those of the split]")
@click.option(
    "--measure", default=20, show_default=True, type=click.IntRange(min=1), help="Images to measure, at least."
)
@click.option("--price", type=click.FloatRange(min=0), help="Price of the machine for one hour, in any currency.")
@DATA
@SETTINGS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def estimate(
    config: Path,
    *,
    images: int | None,
    measure: int,
    price: float | None,
    data: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure some images of CONFIG's run and say what the whole would take: hours, memory, disk, cost.

    Measured at the config's batch size; with `auto` at 1, 2, 4, ... up to what fits.
    """
    from runners.config_files import load
    from runners.models import load_model
    from runners.plan import make_plan

    plan = make_plan(load(config, [*settings, *([f"data.path={json.dumps(data)}"] if data else [])]))
    start = time.monotonic()
    model = load_model(plan.config, plan.base, plan.adapters)
    loading = time.monotonic() - start
    total = images or len(plan.examples)
    found = [
        _measured(plan, model, size=size, images=measure, total=total, loading=loading, price=price)
        for size in _sizes(plan, model)
    ]
    if as_json:
        said = json.dumps({"images": total, "load_seconds": loading, "estimates": [asdict(e) for e in found]})
        click.echo(json.dumps(json.loads(said, parse_constant=lambda _: None)))  # JSON has no infinity
    else:
        _print(found, total=total, loading=loading)


def _sizes(plan: ModelPlan, model: Model) -> list[int]:
    from runners.batches import image_costs

    if plan.config.batch_size != "auto":
        return [plan.config.batch_size]
    most = model.fitting(image_costs(plan.examples, model.tokens)[1])
    return [*(1 << n for n in range(most.bit_length()) if 1 << n < most), most]


def _measured(
    plan: ModelPlan, model: Model, *, size: int, images: int, total: int, loading: float, price: float | None
) -> Estimate:
    from runners.asking import Tally
    from runners.batches import image_costs, make_batches
    from runners.loop import answer_all
    from runners.provenance import peak_memory

    together = int(model.facts.get("concurrency", 1))
    unit = size * together
    wanted = min(len(plan.examples), max(images, LEAST_BATCHES * unit) + unit)
    step = len(plan.examples) / wanted
    sample = [plan.examples[int(n * step)] for n in range(wanted)]
    costs, _ = image_costs(sample, model.tokens)
    batches = make_batches(sample, costs, size=size)
    predictions, seconds = [], []
    with closing(answer_all(replace(plan, examples=sample), model, batches, Tally())) as answered:
        before = time.monotonic()
        while taken := [p for batch in islice(answered, together) for p in batch]:
            now = time.monotonic()
            predictions.append(taken)
            seconds.append((now - before) / len(taken))
            before = now
    if len(predictions) > 1:
        predictions, seconds = predictions[1:], seconds[1:]
    mean, low, high = _mean_interval(seconds, [len(batch) for batch in predictions])
    hours = tuple((loading + total * value) / 3600 for value in (mean, low, high))
    memory = peak_memory()
    lines = [json.dumps(p.to_json(), ensure_ascii=False) for batch in predictions for p in batch]
    return Estimate(
        batch_size=size,
        measured=len(lines),
        seconds_per_image=mean,
        hours=(hours[0], hours[1], hours[2]),
        memory_bytes=memory["accelerator_bytes"] or memory["resident_bytes"] or 0,
        disk_bytes=int(total * 2.5 * sum(map(len, lines)) / len(lines)),
        cost=None if price is None else (hours[0] * price, hours[1] * price, hours[2] * price),
        failed=sum(p.status == "failed" for batch in predictions for p in batch),
    )


def _mean_interval(seconds: Sequence[float], weights: Sequence[int]) -> tuple[float, float, float]:
    """Mean seconds an image takes, weighted by the images of each batch, and its 95 % interval; never below 0."""
    import numpy as np
    from scipy.stats import t  # type: ignore[import-untyped]

    values, shares = np.array(seconds), np.array(weights) / sum(weights)
    mean = float(values @ shares)
    if len(values) < 2:
        return mean, 0.0, float("inf")
    # Kish's effective number of batches: one small batch at the end counts for what it is.
    number = float(1 / (shares @ shares))
    spread = float(np.sqrt(shares @ (values - mean) ** 2 * number / max(number - 1, 1e-9) / number))
    half = float(t.ppf(0.975, max(number - 1, 1))) * spread
    return mean, max(0.0, mean - half), mean + half


def _print(found: Sequence[Estimate], *, total: int, loading: float) -> None:
    from rich.console import Console
    from rich.table import Table

    priced = ["cost"] if found[0].cost is not None else []
    table = Table("batch", "images/s", "hours (95 %)", "memory", "disk", *priced, title_justify="left")
    table.title = f"{total:,} images; loading took {loading:.0f} s"
    for one in found:
        table.add_row(
            str(one.batch_size),
            f"{1 / one.seconds_per_image:.2f}",
            _with_ends(one.hours),
            f"{one.memory_bytes / 2**30:.2f} GiB",
            f"{one.disk_bytes / 2**20:.0f} MiB",
            *([_with_ends(one.cost)] if one.cost else []),
        )
    console = Console()
    console.print(table)
    if failed := sum(one.failed for one in found):
        console.print(f"{failed} of {sum(one.measured for one in found)} measured images failed: look at them first")


def _with_ends(values: tuple[float, float, float]) -> str:
    return "{:.2f} ({:.2f}-{:.2f})".format(*values)
