"""The F1 of the most frequent true concepts, runs side by side (task 1).

draw_concepts(material)    # None for texts, and without references
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from evaluation.concepts.counts import Concept, counted, labels_of
from evaluation.drawing import PAGE, new_figure, paper_style, shortened
from evaluation.metrics.concept_f1 import Cuis, Labels, numbered
from evaluation.paper.figures.rows import Series, draw_rows, height_of, name_runs
from tasks.nouns import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evaluation.paper.material import PaperMaterial

NAMED = 12


def draw_concepts(material: PaperMaterial) -> Figure | None:
    """The figure, 6.3 inches wide."""
    if material.gold is None or not material.scores or material.scores[0].task is not Task.CONCEPTS:
        return None
    found = _counted(material)
    true = sorted((one for one in found[0] if one.true), key=lambda one: (-one.true, one.cui))[:NAMED]
    if not true:
        return None
    of_runs = [{one.cui: one.f1 for one in own} for own in found]
    vocabulary = material.gold.vocabulary
    titles = [f"{shortened(vocabulary.name(one.cui) or one.cui, 34)} ({one.true})" for one in true]
    series = [Series(name, [f1[one.cui] for one in true]) for name, f1 in zip(material.names, of_runs, strict=True)]
    with paper_style():
        figure = new_figure(PAGE, 0.8 + height_of(len(titles), runs=len(series)))
        axes = figure.subplots()
        draw_rows(axes, titles, series)
        axes.set_xlim(left=0)
        axes.set_xlabel("F1 of the concept (in brackets: images that have it)")
        name_runs(figure, material.names)
    return figure


def _counted(material: PaperMaterial) -> list[list[Concept]]:
    """Of each run, the counts of all concepts."""
    ids = material.scores[0].ids
    assert material.gold is not None
    truths, *ours = (
        [cast(Cuis, side[i]) for i in ids]
        for side in (material.gold.values, *(material.answers[name] for name in material.names))
    )
    numbers = numbered(truths, *ours)
    labels = Labels.of(truths, numbers)
    return [counted(labels, Labels.of(own, numbers), labels_of(numbers)) for own in ours]
