"""How long the answers are beside the references: words of a text, concepts of an image (task 1).

draw_lengths(material)    # a panel for each run; the outline in each is that of the references
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evaluation.drawing import BLACK, COLUMN, look, new_figure, paper_style, short_names
from evaluation.measure.texts import text_of
from evaluation.statistics import Array
from tasks.nouns import Task, Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evaluation.paper.material import PaperMaterial

BARS = 30
"""At most, in a panel."""
Lengths = npt.NDArray[np.int64]


def length_of(value: Value) -> int:
    """Words of a text, between blanks, or concepts."""
    return sum(bool(cui.strip()) for cui in value) if isinstance(value, tuple) else len(text_of(value).split())


def unit_of(task: Task) -> str:
    """What `length_of` counts."""
    return "concepts" if task is Task.CONCEPTS else "words"


def draw_lengths(material: PaperMaterial) -> Figure | None:
    """The figure, 3.4 inches wide; None where nothing has a length."""
    answers = [material.answers[name] for name in material.names]
    gold = None if material.gold is None else material.gold.values
    ids = [i for i in answers[0] if gold is None or i in gold] if answers else []
    ours = [_lengths(own[i] for i in ids) for own in answers]
    theirs = None if gold is None else _lengths(gold[i] for i in ids)
    every = np.concatenate([*ours, np.zeros(0, dtype=int) if theirs is None else theirs])
    if not every.any():
        return None
    edges = _edges(every)
    beyond = int(every.max()) >= edges[-1]
    unit = unit_of(material.runs[0].task)
    with paper_style():
        figure = new_figure(COLUMN, 0.75 + max(0.6, 0.85 - 0.05 * len(ours)) * len(ours))
        panels = figure.subplots(len(ours), sharex=True, sharey=True, squeeze=False)[:, 0]
        for number, (axes, name, own) in enumerate(zip(panels, short_names(material.names), ours, strict=True)):
            axes.stairs(_shares(own, edges), edges, fill=True, color=look(number).colour, alpha=0.7)
            if theirs is not None:
                axes.stairs(_shares(theirs, edges), edges, color=BLACK, linewidth=0.9, label=_said(theirs))
            axes.set_title(name, loc="left", fontsize=7, pad=2)
            axes.set_title(_said(own), loc="right", fontsize=7, pad=2)
            axes.margins(x=0.01)
            axes.locator_params(axis="x", integer=True)
            axes.locator_params(axis="y", nbins=3)
        last = f" (the last bar: {edges[-2] + 0.5:g} and more)" if beyond else ""
        figure.supxlabel(f"{unit}{last}", fontsize=8)
        figure.supylabel("images (%)", fontsize=8)
        if theirs is not None:
            outline, [said] = panels[0].get_legend_handles_labels()
            figure.legend(outline, [f"references: {said}"], loc="outside upper center")
    return figure


def _lengths(values: Iterable[Value]) -> Lengths:
    return np.array([length_of(value) for value in values], dtype=int)


def _edges(lengths: Lengths) -> Array:
    """Bars of equal width, around whole numbers, up to what all but one in a hundred keep below."""
    top = int(np.ceil(np.percentile(lengths, 99)))
    width = top // BARS + 1
    return np.arange(0.0, top + width + 1, width, dtype=np.float64) - 0.5


def _shares(lengths: Lengths, edges: Array) -> Array:
    """Per cent of the images in each bar; what is longer is in the last."""
    counts, _ = np.histogram(np.minimum(lengths, edges[-1] - 0.5), edges)
    return np.asarray(100 * counts / len(lengths))


def _said(lengths: Lengths) -> str:
    empty = int((lengths == 0).sum())
    return f"median {np.median(lengths):g}" + (f", {empty} empty" if empty else "")
