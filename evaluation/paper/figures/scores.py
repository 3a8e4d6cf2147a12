"""The chief scores of some runs with their 95 % intervals: a panel for each score, a row for each run.

found = compare_systems({"base": base, "tuned": tuned}, gold, task=task, edition=edition)
save_figures({"scores": draw_scores(found.names, found.scores)}, Path("figures"))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluation.drawing import PAGE, look, new_figure, paper_style, short_names
from evaluation.paper.figures.rows import Series, draw_points
from evaluation.profiles import SURROGATE, Role, profile_of
from evaluation.scores import Scores
from tasks.editions import load_edition

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 4
LOWER = ("bleu1", "bleu2", "bleu3")
"""Beside the BLEU of four words these say little, and come last."""
ROLES: tuple[Role, ...] = ("primary", "secondary", "part")


def draw_scores(names: Sequence[str], scores: Sequence[Scores]) -> Figure | None:
    """The figure, 6.3 inches wide; None when no score is that of all runs."""
    metrics = chief(scores)[:PANELS]
    if not metrics:
        return None
    with paper_style():
        figure = new_figure(PAGE, 0.85 + 0.26 * len(names))
        panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
        for axes, metric in zip(panels, metrics, strict=True):
            _panel(axes, metric, short_names(names), scores)
        figure.supxlabel(f"score and its 95 % interval on {images(len(scores[0].ids))}", fontsize=8)
    return figure


def _panel(axes: Axes, metric: str, names: Sequence[str], scores: Sequence[Scores]) -> None:
    for row, (name, one) in enumerate(zip(names, scores, strict=True)):
        score = one.scores[metric]
        draw_points(axes, Series(name, [score.value], [score.ci]), [row], look(row))
        axes.annotate(
            f"{score.value:.3f}",
            (score.value, row),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=6.5,
        )
    axes.set_title(titled(metric))
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.5, -0.7)  # room for the number above the first
    axes.margins(x=0.15)
    axes.locator_params(axis="x", nbins=3, min_n_ticks=2)
    axes.grid(axis="x")


def chief(scores: Sequence[Scores]) -> list[str]:
    """The scores that all runs have: the organisers', then stand-ins for those of them that are missing, then others.

    chief(scores_of_captions)    # ["rouge1", "relevance_surrogate", "factuality_surrogate", "overall_surrogate", ...]
    """
    if not scores:
        return []
    first = scores[0]
    shared = [name for name in first.scores if all(name in one.scores for one in scores)]
    roles = profile_of(first.profile, task=first.task, edition=load_edition(first.edition, first.task)).roles
    official = sorted((name for name in roles if roles[name] != "extra"), key=lambda name: ROLES.index(roles[name]))
    stand_ins = [f"{name}{SURROGATE}" for name in official if name not in shared]
    order = dict.fromkeys([*official, *stand_ins, *shared])
    return sorted((name for name in order if name in shared), key=LOWER.__contains__)


def titled(metric: str) -> str:
    """The name of a score over its panel; that something is a surrogate is said below."""
    return f"{metric.removesuffix(SURROGATE)}\n(surrogate)" if metric.endswith(SURROGATE) else metric


def images(n: int) -> str:
    return f"{n} image" if n == 1 else f"{n} images"
