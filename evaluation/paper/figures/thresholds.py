"""The mean F1 when every concept of at least some probability is named, over all such thresholds (task 1).

A curve for each run that stored its probabilities. The filled mark is the threshold that the run chose on its tuning
split, with the F1 of its submission; a run whose rule has no one threshold has its rule and F1 in the legend. The
hollow mark is the best threshold on these references, an optimistic choice.

draw_thresholds(material)    # None where no run stored probabilities
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from evaluation.concepts.counts import labels_of
from evaluation.concepts.material import of_images, probabilities_of_run
from evaluation.concepts.probable import THRESHOLDS, f1_of_thresholds
from evaluation.drawing import COLUMN, Look, look, new_figure, paper_style, short_names
from evaluation.inputs.run_folders import Run
from evaluation.metrics.concept_f1 import Cuis, Labels, numbered
from evaluation.paper.figures.rows import dashed
from evaluation.statistics import Array
from tasks.nouns import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from evaluation.paper.material import PaperMaterial


def draw_thresholds(material: PaperMaterial) -> Figure | None:
    """The figure, 3.4 inches wide."""
    if material.gold is None or not material.scores or material.scores[0].task is not Task.CONCEPTS:
        return None
    curves = {
        number: found for number in range(len(material.runs)) if (found := _curve_of(material, number)) is not None
    }
    if not curves:
        return None
    with paper_style():
        figure = new_figure(COLUMN, 2.3 + 0.15 * len(curves))
        axes = figure.subplots()
        names = short_names(material.names)
        for number, curve in curves.items():
            f1 = material.scores[number].scores["f1"].value
            _draw(axes, names[number], curve, rule_of(material.runs[number]), how=look(number), f1=f1)
        chose = any(rule_of(material.runs[number]).get("rule") == "threshold" for number in curves)
        axes.set_xlabel(f"threshold ({'filled: chosen, ' if chose else ''}hollow: best here)")
        axes.set_ylabel("mean F1")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.08 * axes.dataLim.ymax or 1)
        axes.grid()
        figure.legend(loc="outside upper left", handlelength=2.6)
    return figure


def _curve_of(material: PaperMaterial, number: int) -> Array | None:
    """The mean F1 of each of `THRESHOLDS`; None where the run stored no probabilities."""
    run, scores, gold = material.runs[number], material.scores[number], material.gold
    p, name = probabilities_of_run(run.folder, run.record)
    if p is None or gold is None or "f1" not in scores.scores:
        return None
    p = of_images(p, scores.ids, name)
    truths = [cast(Cuis, gold.values[i]) for i in scores.ids]
    numbers = numbered(truths, [p.cuis])
    skipped = np.isnan(scores.scores["f1"].per_image)
    return f1_of_thresholds(p, Labels.of(truths, numbers), skipped=skipped, cuis=labels_of(numbers))


def _draw(axes: Axes, name: str, curve: Array, rule: Mapping[str, Any], *, how: Look, f1: float) -> None:
    chosen = rule.get("threshold") if rule.get("rule") == "threshold" else None
    said = rule.get("rule") if chosen is None else f"threshold {chosen:.3f}"
    best = int(np.argmax(curve))
    drawn: dict[str, Any] = {"color": how.colour, "marker": how.marker, "markersize": 5}
    axes.plot(
        THRESHOLDS,
        curve,
        **drawn,
        linestyle=dashed(how),
        markevery=[best],
        markerfacecolor="none",
        label=f"{name} ({said}: {f1:.3f})" if said else f"{name} ({f1:.3f})",
    )
    if chosen is not None:
        axes.plot(chosen, f1, **drawn, linestyle="none")


def rule_of(run: Run) -> Mapping[str, Any]:
    """The fitted rule that made concepts of the run's probabilities; that of an ensemble stands one level deeper."""
    decision = run.record.get("decision")
    fitted = decision.get("fitted") if isinstance(decision, Mapping) else None
    rule = fitted.get("decision", fitted) if isinstance(fitted, Mapping) else None
    return rule if isinstance(rule, Mapping) else {}
