"""The figures of a paper, as PDF and PNG at the size that a page of LaTeX has room for.

    figures = draw_figures(material)          # {"scores": Figure, "lengths": Figure, ...}
    save_figures(figures, Path("paper"))      # [Path("paper/scores.pdf"), Path("paper/scores.png"), ...]

Include them at their own size: 3.4 inches, a column of a page with two, or 6.3, the width of a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.drawing import as_pdf, as_png, paper_style
from evaluation.paper.figures.concepts import draw_concepts
from evaluation.paper.figures.groups import draw_bands, draw_modalities
from evaluation.paper.figures.lengths import draw_lengths, unit_of
from evaluation.paper.figures.scores import chief, draw_scores
from evaluation.paper.figures.thresholds import draw_thresholds
from evaluation.paper.figures.training import draw_training
from evaluation.paper.material import PaperMaterial
from tasks.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 300
FIGURES: Mapping[str, Callable[[PaperMaterial], Figure | None]] = {
    "scores": lambda material: draw_scores(material.names, material.scores),
    "concepts": draw_concepts,
    "modalities": draw_modalities,
    "bands": draw_bands,
    "lengths": draw_lengths,
    "thresholds": draw_thresholds,
    "training": draw_training,
}
"""Name -> how it is drawn, in the order of a paper."""


def captions(material: PaperMaterial) -> dict[str, str]:
    """What each figure shows, whether it can be drawn or not; as `draw_figures` draws them."""
    score = next(iter(chief(material.scores)), "score")
    unit = unit_of(material.runs[0].task)
    beside = "" if material.gold is None else " (filled) and of the references (outline)"
    return {
        "scores": "Scores of the runs with their 95 % intervals.",
        "concepts": "F1 of the most frequent concepts; in brackets the number of images that have the concept.",
        "modalities": f"{score} by modality with 95 % intervals; in brackets the number of images. "
        "None: no concept of the reference is a modality.",
        "bands": f"{score} by the number of {unit} of the reference with 95 % intervals; in brackets the number of "
        "images.",
        "lengths": f"Number of {unit} of the answers{beside}.",
        "thresholds": "Mean F1 if one threshold held for all concepts; in brackets the rule of the run and its F1. "
        "Hollow marks: the best threshold on these references, an optimistic choice; filled marks, where there are "
        "any: the threshold that the run chose, and its F1.",
        "training": "Losses (thin lines: training; marks: validation) and validation score by step; dotted lines: a "
        "new stage.",
    }


def draw_figures(material: PaperMaterial) -> dict[str, Figure]:
    """Name -> figure; what cannot be had is left out."""
    drawn = {name: draw(material) for name, draw in FIGURES.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def save_figures(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write NAME.pdf and NAME.png of each; of the same figures the same bytes."""
    paths = []
    with paper_style():
        for name, figure in figures.items():
            for suffix, content in ((".pdf", as_pdf(figure)), (".png", as_png(figure, dpi=DPI))):
                paths.append(folder / f"{name}{suffix}")
                write_whole(paths[-1], content)
    return paths
