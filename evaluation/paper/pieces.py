"""All files of a paper: name in the folder -> content. The same runs and seed give the same bytes.

files_of(material, seed=0)      # {"main.tex": ..., "results.tex": ..., "figures/scores.pdf": ..., ...}
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from evaluation.paper.bibliography import bibliography_of
from evaluation.paper.checklist import checklist_tex
from evaluation.paper.choice import score_name
from evaluation.paper.examples import examples_of
from evaluation.paper.figures import captions, draw_figures, save_figures
from evaluation.paper.material import PaperMaterial
from evaluation.paper.results import results_tex
from evaluation.paper.setup import counted, setup_tex, task_title
from evaluation.paper.text import FIT, as_tex, in_words

MAIN = "main.tex"
SHOWS = {
    "scores": "the scores with their intervals",
    "concepts": "how well frequent concepts are found",
    "modalities": "the score by modality",
    "bands": "the score by length of the reference",
    "lengths": "how long the answers are",
    "thresholds": "what other thresholds would have given",
    "training": "the course of the training",
}
"""Name of a figure -> what the text says of it."""
_TEMPLATE = Path(__file__).with_name("main.tex")


def files_of(material: PaperMaterial, *, seed: int) -> dict[str, str | bytes]:
    """Everything that is written; figures as PDF and PNG, images as JPEG."""
    literature = bibliography_of(material)
    figures = _figures(material)
    examples, images = examples_of(material, seed=seed)
    return {
        MAIN: main_tex(material),
        "setup.tex": setup_tex(material) + "\n" + literature.sentence(),
        "results.tex": results_tex(material, literature.cite),
        "figures.tex": figures_tex(
            {name: text for name, text in captions(material).items() if f"figures/{name}.pdf" in figures}
        ),
        "examples.tex": examples,
        "checklist.tex": checklist_tex(material),
        "references.bib": literature.bib(),
        **figures,
        **images,
    }


def main_tex(material: PaperMaterial) -> str:
    """The paper around the pieces."""
    title = as_tex(f"{counted(len(material.runs), 'run').capitalize()} for {task_title(material)}")
    text = _TEMPLATE.read_text(encoding="utf-8")
    return text.replace("TITLE", title).replace("ABSTRACT", _abstract(material))


def figures_tex(captions: Mapping[str, str]) -> str:
    """The figures, each with its caption, by their names; and a sentence that names them."""
    if not captions:
        return ""
    shown = [rf"Figure~\ref{{fig:{name}}} {'' if k else 'shows '}{SHOWS[name]}" for k, name in enumerate(captions)]
    return f"\n{in_words(shown)}.\n\n" + "\n".join(
        "\\begin{figure}[tbp]\n\\centering\n"
        f"{FIT}\\includegraphics{{figures/{name}.pdf}}}}\n"
        f"\\caption{{{as_tex(caption)}}}\n\\label{{fig:{name}}}\n\\end{{figure}}\n"
        for name, caption in captions.items()
    )


def _figures(material: PaperMaterial) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        paths = save_figures(draw_figures(material), Path(folder))
        return {f"figures/{path.name}": path.read_bytes() for path in paths}


def _abstract(material: PaperMaterial) -> str:
    n = len(next(iter(material.answers.values())))
    text = f"We describe {counted(len(material.runs), 'run')} for {task_title(material)}, on {n:,} images of "
    text += f"{material.runs[0].split}."
    if name := score_name(material):
        found = [
            (one.scores[name].value, run, one.scores[name].ci)
            for run, one in zip(material.names, material.scores, strict=True)
        ]
        value, run, (low, high) = max(found)
        whose = f"The best {name}, that of {run}," if len(found) > 1 else f"The {name}"
        text += f" {whose} is {value:.4f} (95 % interval {low:.4f} to {high:.4f})."
    return as_tex(text)
