"""What all figures share: a page, colours, marks of runs, names that fit, bars with intervals, the bytes of a picture.

figure = new_figure(6, 3)
bars(figure.subplots(), ["CT (40)"], np.array([0.5]), [(0.4, 0.6)], ["#0072B2"])
as_png(figure)    # the bytes of a picture
with paper_style():    # while drawing and while saving: small letters, texts as they stand
    as_pdf(figure)
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from unicodedata import category

import numpy as np

from evaluation.statistics import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
"""Of the palette of Okabe and Ito, which the colour-blind can tell apart."""
GREY, SLATE, BLACK = "#999999", "#666666", "#000000"
COLUMN, PAGE = 3.4, 6.3
"""Inches: a column of a page with two, and the whole width of one, as in CEUR-WS."""
FONT = "DejaVu Sans"
STYLE: dict[str, Any] = {
    "font.family": FONT,  # matplotlib brings it along, so that a figure is the same everywhere
    "font.size": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "pdf.fonttype": 42,  # whole outlines, which publishers ask for, and a text that can be searched
    "text.parse_math": False,  # "$" and "\\" in a name are themselves
}
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 1.5), (1.2, 1.2), (5, 1.5, 1.2, 1.5), (9, 2), (3, 1))


@dataclass(frozen=True, slots=True)
class Look:
    """How one run is drawn, in all figures alike; to be told from its neighbours in grey too."""

    colour: str
    marker: str
    dashes: tuple[float, ...]
    """Points of ink and gap in turn; none for a whole line."""


def look(number: int) -> Look:
    """The look of the run of this number, from 0; the first 56 differ."""
    colours, markers = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, SLATE), "os^DvPX*"
    return Look(colours[number % len(colours)], markers[number % len(markers)], _DASHES[number % len(_DASHES)])


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw and save within it: what the user's matplotlibrc says, such as TeX for all texts, does not count."""
    from matplotlib import style

    with style.context(["default", STYLE]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def as_png(figure: Figure, *, dpi: int = 200) -> bytes:
    """The bytes of a picture; of the same figure the same ones."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=dpi)
    return picture.getvalue()


def as_pdf(figure: Figure) -> bytes:
    """The bytes of a page as large as the figure, without a date."""
    page = io.BytesIO()
    figure.savefig(page, format="pdf", metadata={"CreationDate": None})
    return page.getvalue()


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
    axes.set_yticks(range(len(names)), names, parse_math=False)
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
        place = (1.02, 1 - n / (len(names) + 1))
        axes.annotate(f"{n}  {name}", place, xycoords="axes fraction", va="center", fontsize=8, parse_math=False)


def shortened(name: str, most: int = 28) -> str:
    """The beginning of a name, in characters that a figure can show."""
    name = printable(name)
    return name if len(name) <= most else name[: most - 1] + "…"


def short_names(names: Sequence[str], most: int = 26) -> list[str]:
    """Names of runs by their two ends, where they mostly differ; those that are alike then are numbered.

    short_names(["report_generation-lora-rank16-seed1"])    # ["report_gen…ra-rank16-seed1"]
    """
    head = (most - 1) * 2 // 5
    fitting = [printable(name) for name in names]
    fitting = [name if len(name) <= most else f"{name[:head]}…{name[head + 1 - most :]}" for name in fitting]
    times = Counter(fitting)
    return [name if times[name] == 1 else f"{number}: {name}" for number, name in enumerate(fitting, start=1)]


def printable(text: str) -> str:
    """The text on one line; a character that the figures' font lacks is a question mark, as in the tables of LaTeX.

    Characters that cannot be seen are left out, such as those that turn the direction of what follows.
    """
    seen = [letter for letter in " ".join(text.split()) if category(letter) not in {"Cc", "Cf"}]
    return "".join(letter if ord(letter) in _letters() else "?" for letter in seen)


@cache
def _letters() -> frozenset[int]:
    """The characters that the font has."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(FONT))
    return frozenset(font.get_charmap())
