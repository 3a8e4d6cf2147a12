"""All files of a paper: name in the folder -> content. The same runs and seed give the same bytes.

files_of(material, seed=0)      # {"main.tex": ..., "results.tex": ..., "figures/scores.pdf": ..., ...}
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from evaluation.paper.bibliography import bibliography_of
from evaluation.paper.checklist import checklist_tex
from evaluation.paper.examples import examples_of
from evaluation.paper.figures import CAPTIONS, draw_figures, save_figures
from evaluation.paper.material import PaperMaterial
from evaluation.paper.results import results_tex
from evaluation.paper.setup import counted, setup_tex, task_title
from evaluation.paper.text import FIT, as_tex

MAIN = "main.tex"
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
        "figures.tex": figures_tex([name for name in CAPTIONS if f"figures/{name}.pdf" in figures]),
        "examples.tex": examples,
        "checklist.tex": checklist_tex(material),
        "references.bib": literature.bib(),
        **figures,
        **images,
    }


def main_tex(material: PaperMaterial) -> str:
    """The paper around the pieces."""
    title = as_tex(f"{', '.join(material.names[:3])}: {task_title(material)}, {material.runs[0].edition}")
    text = _TEMPLATE.read_text(encoding="utf-8")
    return text.replace("TITLE", title).replace("ABSTRACT", _abstract(material))


def figures_tex(names: Sequence[str]) -> str:
    """The figures, each with its caption, and a sentence that names them."""
    if not names:
        return ""
    places = [rf"\ref{{fig:{name}}}" for name in names]
    first = f"Figure{'s' if len(names) > 1 else ''}~{', '.join(places[:-1])}{' and ' if names[1:] else ''}{places[-1]}"
    return f"More of the data is drawn in {first}.\n\n" + "\n".join(
        "\\begin{figure}[tbp]\n\\centering\n"
        f"{FIT}\\includegraphics{{figures/{name}.pdf}}}}\n"
        f"\\caption{{{as_tex(CAPTIONS[name])}}}\n\\label{{fig:{name}}}\n\\end{{figure}}\n"
        for name in names
    )


def _figures(material: PaperMaterial) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        paths = save_figures(draw_figures(material), Path(folder))
        return {f"figures/{path.name}": path.read_bytes() for path in paths}


def _abstract(material: PaperMaterial) -> str:
    n = len(next(iter(material.answers.values())))
    what = f"{task_title(material)}, edition {material.runs[0].edition}"
    text = f"We describe {counted(len(material.runs), 'run')} for {what}, on {n:,} images."
    if material.scores:
        name = next(iter(material.scores[0].scores), "")
        found = [(score.value, *score.ci) for one in material.scores if (score := one.scores.get(name)) is not None]
        if found:
            value, low, high = max(found)
            text += f" The best {name} is {value:.4f} (95 % interval {low:.4f} to {high:.4f})."
    return as_tex(text)
