"""What a figure shows, read back from its artists, and scores to hold it against."""

from __future__ import annotations

from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from evaluation.inputs.references import References
from evaluation.score import score_predictions
from tasks.editions import load_edition
from tasks.nouns import Task


def rows(axes: Axes) -> dict[str, list[tuple[float, float, float]]]:
    """Name of a run -> value and ends of the interval of each of its points, from above."""
    found = {}
    for container in axes.containers:
        assert isinstance(container, ErrorbarContainer)
        line, _, bars = cast(Any, container.lines)
        values = [float(x) for x in line.get_xdata()]
        ends = [(a, b) for (a, _), (b, _) in bars[0].get_segments()] if bars else [(x, x) for x in values]
        found[str(container.get_label())] = [(x, *end) for x, end in zip(values, ends, strict=True)]
    return found


def steps(axes: Axes) -> list[Any]:
    """The edges and values of each histogram."""
    return [patch.get_data() for patch in axes.patches if isinstance(patch, StepPatch)]


def lines(axes: Axes) -> list[Any]:
    return list(axes.lines)


def titles(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def legend(figure: Figure) -> list[str]:
    [found] = figure.legends
    return [text.get_text() for text in found.get_texts()]


def points(line: Any) -> list[tuple[float, float]]:
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


def alone(places: list[int], predictions: Any, truths: Any, task: Task, metric: str) -> Any:
    """The score of some images by themselves."""
    ours, gold = ({str(n): of[n] for n in places} for of in (predictions, truths))
    return score_predictions(ours, References(gold), task=task, edition=load_edition(2026, task)).scores[metric]
