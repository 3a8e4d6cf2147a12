"""The first score by modality of the image, and by length of the reference, with intervals and runs side by side.

draw_modalities(material)    # None where no modality is known
draw_bands(material)         # the bands of `imageclef compare --by length`, or of --by concepts
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from evaluation.comparison.grouping import grouping_of
from evaluation.concepts.groups import NONE, SEVERAL, Subset, by_group
from evaluation.drawing import PAGE, new_figure, paper_style, shortened
from evaluation.paper.figures.lengths import unit_of
from evaluation.paper.figures.rows import Series, draw_rows, height_of, name_runs
from evaluation.paper.figures.scores import chief, titled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evaluation.paper.material import PaperMaterial

MOST, LEAST = 10, 10
"""Modalities in a figure, and images of each; those of all others go together."""
UNKNOWN, OTHERS = "not known", "others"
LAST = (SEVERAL, OTHERS, NONE, UNKNOWN)


def draw_modalities(material: PaperMaterial) -> Figure | None:
    """The figure, 6.3 inches wide; None where all images are of one modality."""
    if not material.modalities or not material.scores:
        return None
    of_image = {i: material.modalities.get(i) or UNKNOWN for i in material.scores[0].ids}
    ranked = [name for name, n in Counter(of_image.values()).most_common() if n >= LEAST]
    kept = ranked if len(ranked) <= MOST else ranked[: MOST - 1]
    of_image = {i: name if name in kept else OTHERS for i, name in of_image.items()}
    named = [name for name in kept if name not in LAST]
    return _draw(material, of_image, [*named, *(name for name in LAST if name in set(of_image.values()))])


def draw_bands(material: PaperMaterial) -> Figure | None:
    """The figure, 6.3 inches wide; None where all references are of one band."""
    if material.gold is None or not material.scores:
        return None
    unit = unit_of(material.scores[0].task)
    found = grouping_of("concepts" if unit == "concepts" else "length", material.scores[0].ids, material.gold)
    named = {name: f"1 {unit[:-1]}" if name == "1" else f"{name} {unit}" for name in found.order}
    of_image = {i: named[name] for i, name in found.of.items()}
    return _draw(material, of_image, [name for name in named.values() if name in set(of_image.values())])


def _draw(material: PaperMaterial, of_image: Mapping[str, str], order: list[str]) -> Figure | None:
    """Rows in this order; None for a single one, or without a score."""
    metrics = chief(material.scores)
    if len(order) < 2 or not metrics:
        return None
    metric = metrics[0]
    together = material.gold.groups if material.gold else None
    found = [
        by_group(replace(one, scores={metric: one.scores[metric]}), of_image, drawn_together=together)
        for one in material.scores
    ]
    order = [name for name in order if any(metric in own[name].scores for own in found)]
    series = [_series(run, own, order, metric) for run, own in zip(material.names, found, strict=True)]
    titles = [f"{shortened(name)} ({found[0][name].n})" for name in order]
    with paper_style():
        figure = new_figure(PAGE, 0.8 + height_of(len(order), runs=len(series)))
        axes = figure.subplots()
        draw_rows(axes, titles, series)
        axes.set_xlabel(f"{titled(metric)} and its 95 % interval (in brackets: images)".replace("\n", " "))
        name_runs(figure, material.names)
    return figure


def _series(run: str, found: Mapping[str, Subset], order: list[str], metric: str) -> Series:
    scores = [found[name].scores.get(metric) for name in order]
    return Series(run, [one and one.value for one in scores], [one and one.ci for one in scores])
