"""Rows of points with intervals, a point for each run, and the legend of the runs: what most of the figures are.

    with paper_style():
        figure = new_figure(PAGE, height_of(2, runs=1))
        axes = figure.subplots()
        draw_rows(axes, ["CT (40)", "MRI (12)"], [Series("base", (0.5, 0.4), ((0.4, 0.6), None))])
        name_runs(figure, ["base"])

A run has one colour and one marker in all figures (`evaluation.drawing.look`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.drawing import Look, look, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """What one run has in each row."""

    name: str
    values: Sequence[float | None]
    """None where it has no value."""
    intervals: Sequence[Interval | None] = ()
    """Of each value; none when no value has one."""


def height_of(rows: int, *, runs: int) -> float:
    """Inches for so many rows."""
    return rows * max(0.2, 0.08 + 0.06 * runs)


def draw_rows(axes: Axes, titles: Sequence[str], series: Sequence[Series]) -> None:
    """The rows from above, the runs of a row one below the other; the artists have the names of the runs."""
    for row in range(0, len(titles), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.95", linewidth=0, zorder=0)
    step = min(0.8 / len(series), 0.3)
    for number, one in enumerate(series):
        at = np.arange(len(titles)) + (number - (len(series) - 1) / 2) * step
        draw_points(axes, one, at, look(number))
    axes.set_yticks(range(len(titles)), titles)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.grid(axis="x")


def draw_points(axes: Axes, one: Series, places: Sequence[float] | np.ndarray[Any, Any], how: Look) -> None:
    """The values of one run at these heights, with whiskers to the ends of their intervals."""
    intervals = one.intervals or [None] * len(one.values)
    known = [
        (value, place, interval or (value, value))
        for value, place, interval in zip(one.values, places, intervals, strict=True)
        if value is not None
    ]
    if not known:
        return
    values, heights, ends = (np.array(column, dtype=float) for column in zip(*known, strict=True))
    whiskers = np.maximum([values - ends[:, 0], ends[:, 1] - values], 0)
    drawn = axes.errorbar(
        values,
        heights,
        xerr=whiskers if whiskers.any() else None,
        label=one.name,
        color=how.colour,
        marker=how.marker,
        linestyle="none",
        markersize=5,
        elinewidth=0.9,
        capsize=1.8,
        capthick=0.9,
        clip_on=False,
    )
    if drawn.lines[0] is not None:
        drawn.lines[0].set(markeredgecolor="white", markeredgewidth=0.3)  # tells neighbours apart; not of the ends


def name_runs(figure: Figure, names: Sequence[str]) -> None:
    """The legend of the runs, in as many columns above the figure as there is room for."""
    from matplotlib.lines import Line2D

    shown = short_names(names)
    handles = [
        Line2D([], [], color=how.colour, marker=how.marker, linestyle="none", markersize=5, label=name)
        for name, how in zip(shown, map(look, range(len(names))), strict=True)
    ]
    columns = max(1, int(figure.get_figwidth() / (0.4 + 0.062 * max(map(len, shown)))))
    rows = -(-len(names) // columns)
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=-(-len(names) // rows),
        columnspacing=1.2,
        handletextpad=0.4,
        handlelength=1,
    )


def dashed(how: Look) -> Any:
    """The line style of matplotlib."""
    return (0, how.dashes) if how.dashes else "-"
