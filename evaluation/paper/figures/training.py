"""The losses and the validation score of the trainings whose adapters the runs used, over their steps.

A training's folder holds `losses.csv`, whose stages each count their own steps from 1, and `training.json`, whose
config may name the score that chose the best checkpoint; otherwise it was the first of the file:

    stage,step,epoch,train/loss,learning_rate,grad_norm,val/loss,val/f1
    language,10,0.25,2.0613,0.0002,1.41,,
    language,20,0.5,,,,1.9442,0.3127

draw_training(material)    # None where no folder holds a row
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.drawing import COLUMN, GREY, Look, look, new_figure, paper_style, short_names
from evaluation.paper.figures.rows import dashed
from tasks.nouns import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from evaluation.paper.material import PaperMaterial

Points = Sequence[tuple[int, float]]
LOSS = "loss per token"


@dataclass(frozen=True, slots=True)
class Training:
    """What was logged while an adapter was trained, over the steps of all stages."""

    train: Points
    valid: Points
    """The validation loss."""
    metric: str
    """The validation score; empty without one."""
    scores: Points
    starts: tuple[int, ...]
    """The steps before each stage but the first."""


def draw_training(material: PaperMaterial) -> Figure | None:
    """The figure, 3.4 inches wide: losses above, and below a panel for each validation score.

    The stages are shown of a training that is alone.
    """
    found: dict[Path, list[int]] = {}
    for number, name in enumerate(material.names):
        if name in material.training:
            found.setdefault(material.training[name].resolve(), []).append(number)
    trainings = {tuple(numbers): one for folder, numbers in found.items() if (one := read_losses(folder)) is not None}
    if not trainings:
        return None
    panels = [LOSS] if any(one.train or one.valid for one in trainings.values()) else []
    panels += dict.fromkeys(one.metric for one in trainings.values() if one.scores)
    if not panels:
        return None
    with paper_style():
        figure = new_figure(COLUMN, 0.7 + 1.35 * len(panels) + 0.15 * len(trainings))
        below = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        for axes, panel in zip(below, panels, strict=True):
            for numbers, one in trainings.items():
                _draw(axes, one, look(numbers[0]), panel)
                for start in one.starts if len(trainings) == 1 else ():
                    axes.axvline(start, color=GREY, linestyle=":", linewidth=0.9, zorder=0)
            axes.set_ylabel(panel if panel == LOSS else f"validation {panel}")
            axes.grid()
        below[-1].set_xlabel("step")
        _legend(figure, trainings, short_names(material.names))
    return figure


def _draw(axes: Axes, one: Training, how: Look, panel: str) -> None:
    """The curves of one training in a panel: thin what was learned from, with marks what it was validated on."""
    if panel == LOSS and one.train:
        axes.plot(*zip(*one.train, strict=True), color=how.colour, linestyle=dashed(how), linewidth=0.7)
    points = one.valid if panel == LOSS else one.scores if panel == one.metric else []
    if points:
        axes.plot(*zip(*points, strict=True), color=how.colour, linestyle=dashed(how), marker=how.marker, markersize=4)


def _legend(figure: Figure, trainings: Mapping[tuple[int, ...], Training], names: Sequence[str]) -> None:
    """Of each training the runs that used it; then what has marks and what has none."""
    from matplotlib.lines import Line2D

    def handle(label: str, how: Look, *, marked: bool) -> Line2D:
        marker = how.marker if marked else None
        return Line2D([], [], color=how.colour, linestyle=dashed(how), marker=marker, markersize=4, label=label)

    of_runs = [(", ".join(names[n] for n in numbers), look(numbers[0])) for numbers in trainings]
    if len(of_runs) == 1:
        [(_, how)] = of_runs
        handles = [handle("training", how, marked=False), handle("validation", how, marked=True)]
    else:
        handles = [handle(name, how, marked=True) for name, how in of_runs]
    figure.legend(handles=handles, loc="outside upper center", ncols=2 if len(of_runs) == 1 else 1, handlelength=2.6)


def read_losses(folder: Path) -> Training | None:
    """What `losses.csv` of the folder holds; None without a row. A torn last line is dropped."""
    path = folder / "losses.csv"
    try:
        whole, end, _ = path.read_text(encoding="utf-8").rpartition("\n")
        rows = list(csv.DictReader(io.StringIO(whole + end)))
        if not rows:
            return None
        starts = _starts(rows)
        metric = _metric(folder, rows)
        curves = [_curve(rows, column, starts) for column in ("train/loss", "val/loss", f"val/{metric}")]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the log of a training ({error}): restore it, or move it away") from None
    return Training(curves[0], curves[1], metric, curves[2], tuple(starts.values())[1:])


def _metric(folder: Path, rows: Sequence[Mapping[str, str]]) -> str:
    """The score that chose the checkpoint; empty where none was measured."""
    measured = [column.removeprefix("val/") for column in rows[0] if column and column.startswith("val/")]
    try:
        wanted = json.loads((folder / "training.json").read_text(encoding="utf-8"))["config"]["evaluation.metric"]
    except (OSError, ValueError, KeyError, TypeError):
        wanted = None
    return next((name for name in (wanted, *measured) if name in measured and name != "loss"), "")


def _starts(rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Stage -> the steps of all stages before it."""
    last: dict[str, int] = {}
    for row in rows:
        last[row["stage"]] = max(last.get(row["stage"], 0), int(row["step"]))
    steps = 0
    starts = {}
    for stage, own in last.items():
        starts[stage] = steps
        steps += own
    return starts


def _curve(rows: Sequence[Mapping[str, str]], column: str, starts: Mapping[str, int]) -> Points:
    points = [(starts[row["stage"]] + int(row["step"]), float(row[column])) for row in rows if row.get(column)]
    return [(step, value) for step, value in points if math.isfinite(value)]
