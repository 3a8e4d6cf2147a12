"""`losses.png`: the losses of all stages and the validation score that chooses, one under the other.

    plot_losses(Path("trainings/concept_detection/train-sample"), metric="f1")

Drawn with matplotlib's file backend: no display is needed.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from runners.training.record import LOSSES, read_losses
from tasks.files import write_whole

PLOT = "losses.png"


def plot_losses(folder: Path, *, metric: str) -> None:
    """Draw losses.csv of the training in `folder`; nothing is drawn before the first row."""
    rows = read_losses(folder / LOSSES)
    if not rows:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    losses, scores = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    starts = stage_starts(rows)
    for column, axes, style in (
        ("train/loss", losses, "-"),
        ("val/loss", losses, "o-"),
        (f"val/{metric}", scores, "o-"),
    ):
        points = curve(rows, column, starts)
        if points:
            axes.plot(*zip(*points, strict=True), style, label=column, linewidth=1, markersize=4)
    for axes in (losses, scores):
        for start in list(starts.values())[1:]:
            axes.axvline(start, color="grey", linewidth=0.8, linestyle="--")
        if axes.lines:
            axes.grid(alpha=0.3)
    if len(starts) > 1:
        for stage, start in starts.items():
            losses.annotate(
                stage, (start, 1), xycoords=("data", "axes fraction"), xytext=(3, -12), textcoords="offset points"
            )
    losses.set_ylabel("loss per token of the answer")
    if losses.lines:
        losses.legend()
    scores.set_ylabel(f"validation {metric}")
    scores.set_xlabel("step")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_whole(folder / PLOT, picture.getvalue())


def stage_starts(rows: Sequence[dict[str, str]]) -> dict[str, int]:
    """Stage -> the steps of all stages before it; each stage counts its own steps from 1."""
    last: dict[str, int] = {}
    for row in rows:
        last[row["stage"]] = max(last.get(row["stage"], 0), int(row["step"]))
    starts = {next(iter(last)): 0}
    for (before, steps), (stage, _) in pairwise(last.items()):
        starts[stage] = starts[before] + steps
    return starts


def curve(rows: Sequence[dict[str, str]], column: str, starts: dict[str, int]) -> list[tuple[int, float]]:
    """The points of a column over the steps of the whole training; none where the file has no such column."""
    return [(starts[row["stage"]] + int(row["step"]), float(row[column])) for row in rows if row.get(column)]
