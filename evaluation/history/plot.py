"""The history of runs as a picture: each run with its interval, and the best so far as a line.

svg = progress_svg(best_so_far(runs)[0])    # stands within a page and takes its colours
write_whole(Path("history.png"), progress_picture(best_so_far(runs), ".png"))

Both are the same whenever they are drawn: they hold no date.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING

from evaluation.drawing import BLUE, RED, STYLE, as_pdf, as_png, new_figure, paper_style, short_names, shortened
from evaluation.history.series import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURES = (".png", ".pdf")
WIDTH, HEIGHT = 7.4, 2.6
"""Inches, the second of each series."""
LONGEST_TITLE = 110
"""Letters that fit above a panel."""
MOST_NAMES = 6
"""With more runs their numbers stand on the axis, as their names would not fit."""
INK, QUIET, LINE, LINK, ODD = "#010101", "#020202", "#030303", "#040404", "#050505"
COLOURS = {INK: "--ink", QUIET: "--quiet", LINE: "--line", LINK: "--link", ODD: "--odd"}
"""What is drawn -> the colour of the page that it becomes, in light and dark."""
OF_A_PAGE = {
    **STYLE,
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "font.size": 9,
    "grid.alpha": 1,
    "grid.color": LINE,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": QUIET,
    "xtick.labelsize": 9,
    "ytick.color": QUIET,
    "ytick.labelsize": 9,
}


def progress_svg(series: Series) -> str:
    """The picture of a series as SVG."""
    from matplotlib import style

    # The salt makes names of parts, which must differ between the pictures of a page.
    salt = f"{series.title} {series.moments[0].run.name}"
    with style.context(["default", {**OF_A_PAGE, "svg.hashsalt": salt}]):
        figure = new_figure(WIDTH, HEIGHT)
        draw_series(figure.subplots(), series, run=LINK, best=ODD)
        buffer = io.StringIO()
        figure.savefig(
            buffer, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    text = buffer.getvalue()
    # Matplotlib's style would be that of the whole page, which also says how large a picture is.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text[text.index("<svg") :], flags=re.DOTALL)
    head, rest = text.split(">", 1)
    head = re.sub(r' (width|height|xmlns:xlink|version)="[^"]*"', "", head)
    for drawn, colour in COLOURS.items():
        rest = rest.replace(drawn, f"var({colour})")
    return f'{head} role="img" aria-label="{escape(described(series))}">{rest.replace("xlink:href", "href")}'


def progress_picture(series: Sequence[Series], suffix: str) -> bytes:
    """The bytes of a file with a panel for each series, at least one; `suffix` is one of PICTURES."""
    with paper_style():
        return as_pdf(panels(series)) if suffix == ".pdf" else as_png(panels(series))


def panels(series: Sequence[Series]) -> Figure:
    """A panel for each series, below one another."""
    figure = new_figure(WIDTH, HEIGHT * len(series))
    for axes, one in zip(figure.subplots(len(series), squeeze=False).flat, series, strict=True):
        draw_series(axes, one)
        axes.set_title(shortened(one.title, LONGEST_TITLE), loc="left")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def described(series: Series) -> str:
    """The picture in words."""
    first, best = series.moments[0], series.best
    runs = f"{len(series.moments)} run{'s' * (len(series.moments) > 1)}"
    return f"{runs}: from {first.value:.4f} ({first.run.name}) to {best.value:.4f} ({best.run.name}), the best"


def draw_series(axes: Axes, series: Series, *, run: str = BLUE, best: str = RED) -> None:
    """Runs in the order of time, evenly spaced, as nights and weeks lie between them; in these two colours."""
    moments = series.moments
    places, values = range(1, len(moments) + 1), [moment.value for moment in moments]
    axes.step(places, list(accumulate(values, max)), where="post", color=best, linewidth=1.5, label="best so far")
    below = [max(moment.value - moment.ci[0], 0) for moment in moments]
    above = [max(moment.ci[1] - moment.value, 0) for moment in moments]
    axes.errorbar(places, values, yerr=[below, above], fmt="o", color=run, markersize=4, label="run, 95 % interval")
    at = (moments.index(series.best) + 1, series.best.value)
    axes.plot(*at, "o", color=run, markersize=6)
    axes.annotate(f"{at[1]:.4f}", at, xytext=(7, 2), textcoords="offset points", fontweight="bold")
    if len(moments) <= MOST_NAMES:
        axes.set_xticks(places, short_names([moment.run.name for moment in moments], 18))
    else:
        axes.set_xlabel("runs in the order in which they finished")
    axes.set_ylabel(series.metric)
    axes.set_xlim(0.5, len(moments) + 0.5)
    axes.grid(axis="y")
