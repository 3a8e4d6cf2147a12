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
from evaluation.paper.figures.lengths import draw_lengths
from evaluation.paper.figures.scores import draw_scores
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
CAPTIONS: Mapping[str, str] = {
    "scores": "Scores of the runs with their 95 % intervals.",
    "concepts": "F1 of the most frequent concepts; in brackets the images that have the concept.",
    "modalities": "The score by modality with 95 % intervals; in brackets the images.",
    "bands": "The score by words or concepts of the reference with 95 % intervals; in brackets the images.",
    "lengths": "Lengths of the answers (filled) and of the references (outline).",
    "thresholds": "Mean F1 of one threshold for all concepts; in brackets the rule and F1 of the run. "
    "Filled: the threshold that a run chose, and its F1; hollow: the best one on these references.",
    "training": "Losses (thin: training; with marks: validation) and validation score by step; dotted: a new stage.",
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
