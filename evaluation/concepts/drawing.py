"""What the figures of a report share: a page, horizontal bars with intervals, short names.

figure = new_figure(6, 3)
bars(figure.subplots(), ["CT (40)"], np.array([0.5]), [(0.4, 0.6)], ["#0072B2"])
as_png(figure)    # the bytes of a picture
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evaluation.statistics import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def as_png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=200)
    return picture.getvalue()


def bars(
    axes: Axes, names: Sequence[str], values: Array, ends: Sequence[tuple[float, float]], colours: Sequence[str]
) -> None:
    """Horizontal bars from above, with intervals and numbers."""
    low, high = np.array(ends).reshape(-1, 2).T
    axes.barh(range(len(names)), values, color=colours, height=0.7)
    whiskers = np.maximum([values - low, high - values], 0)
    axes.errorbar(values, range(len(names)), xerr=whiskers, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
    for place, (value, end) in enumerate(zip(values, high, strict=True)):
        axes.annotate(
            f"{value:.3f}", (max(value, end), place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, max(axes.get_xlim()[1], 1.15 * float(high.max(initial=0))))  # room for the numbers


def name_points(axes: Axes, names: Sequence[str], places: Sequence[tuple[float, float]]) -> None:
    """Number some points, and say at the right what they are; neighbours have their numbers on different sides."""
    sides = ((6, 0), (-6, 0), (0, 6), (0, -6))
    order = sorted(range(len(places)), key=lambda n: places[n])
    for number, n in enumerate(order):
        offset = sides[number % len(sides)]
        axes.annotate(
            str(n + 1), places[n], xytext=offset, textcoords="offset points", ha="center", va="center", fontsize=7
        )
    for n, name in enumerate(names, start=1):
        axes.annotate(
            f"{n}  {name}", (1.02, 1 - n / (len(names) + 1)), xycoords="axes fraction", va="center", fontsize=8
        )


def shortened(name: str) -> str:
    return name if len(name) <= 28 else name[:27] + "…"
