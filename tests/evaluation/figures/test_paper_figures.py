"""The figures of a paper, read back from what was drawn; what cannot be had is left out; the same bytes twice."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib import rc_context
from matplotlib.text import Text
from PIL import Image

from evaluation.comparison.systems import compare_systems
from evaluation.drawing import COLUMN, PAGE, paper_style
from evaluation.paper.figures import FIGURES, draw_figures, save_figures
from evaluation.paper.figures import captions as said
from evaluation.paper.figures.scores import chief, draw_scores
from evaluation.paper.material import PaperMaterial
from evaluation.paper.pieces import SHOWS, figures_tex
from tasks.editions import load_edition
from tasks.nouns import Task
from tests.evaluation.figures.drawn import alone, legend, rows, steps, titles
from tests.evaluation.figures.small_material import (
    BASE,
    CAPTIONS,
    LOG,
    TRUTHS,
    TUNED,
    WRITTEN,
    captions,
    concepts,
    material_of,
    rows_of_probabilities,
    run_of,
    store_probabilities,
    training,
)

NASTY = (
    "a$b_{x}$ 100% \\alpha",
    "\u6a21\u578b under_score \U0001f9e0",
    "report_generation-llava-lora-rank16-alpha32-lr1e-4-seed1",
    "report_generation-llava-lora-rank16-alpha32-lr1e-4-seed2",
    "\u202ealright \udcff",
    "very-" * 30 + "end",
    "very-" * 31 + "end",
    "#&~^<b>",
)


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_scores_and_the_ends_of_their_intervals(tmp_path: Path) -> None:
    material = concepts(tmp_path)
    figure = draw_figures(material)["scores"]
    assert [axes.get_title() for axes in figure.axes] == ["f1", "precision", "recall", "f1_micro"]
    for axes in figure.axes:
        expected = [one.scores[axes.get_title()] for one in material.scores]
        drawn = rows(axes)
        assert [drawn[name] for name in material.names] == [
            [pytest.approx((score.value, *score.ci))] for score in expected
        ]
        assert [text.get_text() for text in axes.texts] == [f"{score.value:.3f}" for score in expected]
    assert titles(figure.axes[0]) == ["base", "tuned"]
    assert figure.get_supxlabel() == "score and its 95 % interval on 24 images"


def test_scores_of_a_comparison_need_nothing_else(tmp_path: Path) -> None:
    material = captions(tmp_path)
    assert material.gold is not None
    edition = load_edition(2026, Task.CAPTIONS)
    found = compare_systems(material.answers, material.gold, task=Task.CAPTIONS, edition=edition, trials=50)
    figure = draw_scores(found.names, found.scores)
    assert figure is not None
    shown = [axes.get_title() for axes in figure.axes]
    assert shown == ["rouge1", "relevance\n(surrogate)", "factuality\n(surrogate)", "overall\n(surrogate)"]


def test_the_chief_scores_are_those_of_all_runs(tmp_path: Path) -> None:
    first, second = captions(tmp_path).scores
    fewer = replace(second, scores={name: score for name, score in second.scores.items() if name != "rouge1"})
    assert chief([first, second])[0] == "rouge1"
    assert chief([first, fewer])[0] == "relevance_surrogate"
    assert chief([first])[-3:] == ["bleu1", "bleu2", "bleu3"]
    assert draw_scores(["a", "b"], [first, replace(second, scores={})]) is None


def test_the_most_frequent_concepts_are_named_with_their_f1(tmp_path: Path) -> None:
    figure = draw_figures(concepts(tmp_path))["concepts"]
    [axes] = figure.axes
    assert titles(axes) == ["CT (16)", "Chest (8)", "X-ray (8)", "Spine (4)"]
    # base: CT at 12 of 16 true, 16 predicted; chest at 0 of 8, 4 predicted; X-ray at 4 of 8, 4 predicted; no spine
    drawn = {name: [value for value, *_ in points] for name, points in rows(axes).items()}
    assert drawn["base"] == pytest.approx([24 / 32, 0, 8 / 12, 0])
    assert drawn["tuned"] == pytest.approx([1, 1, 1, 0])
    assert legend(figure) == ["base", "tuned"]


def test_lengths_of_answers_beside_those_of_references(tmp_path: Path) -> None:
    figure = draw_figures(captions(tmp_path))["lengths"]
    base, tuned = figure.axes
    filled, outline = steps(base)
    third = pytest.approx(100 / 3)
    shares = dict(zip(filled.edges[:-1] + 0.5, filled.values, strict=True))
    assert {length: share for length, share in shares.items() if share} == {0: third, 2: third, 5: third}
    theirs = dict(zip(outline.edges[:-1] + 0.5, outline.values, strict=True))
    assert {length: share for length, share in theirs.items() if share} == {1: third, 3: third, 13: third}
    assert (base.get_title("left"), base.get_title("right")) == ("base", "median 2, 8 empty")
    assert (tuned.get_title("left"), tuned.get_title("right")) == ("tuned", "median 3")
    assert (legend(figure), figure.get_supxlabel()) == (["references: median 3"], "words")


def test_a_long_answer_does_not_squeeze_the_others(tmp_path: Path) -> None:
    usual = ["word " * (5 + n % 8) for n in range(300)]
    material = material_of(tmp_path, Task.CAPTIONS, usual, {"base": ["word " * 5000, *usual[1:]]})
    figure = draw_figures(material)["lengths"]
    filled, _ = steps(figure.axes[0])
    assert filled.edges[-1] == 12.5
    assert filled.values.sum() == pytest.approx(100)
    assert figure.get_supxlabel() == "words (the last bar: 12 and more)"


def test_concepts_of_an_image_are_its_length(tmp_path: Path) -> None:
    figure = draw_figures(concepts(tmp_path))["lengths"]
    assert figure.get_supxlabel() == "concepts"
    filled, _ = steps(figure.axes[0])
    assert list(filled.values) == [0, 100, 0]


def test_scores_by_modality_are_those_of_its_images_alone(tmp_path: Path) -> None:
    material = concepts(tmp_path)
    ids = material.scores[0].ids
    modalities = {i: "CT" if n < 11 else "X-ray" for n, i in enumerate(ids) if n < 21}
    modalities |= {ids[21]: "PET", ids[22]: "MRI"}
    figure = draw_figures(replace(material, modalities=modalities))["modalities"]
    [axes] = figure.axes
    assert titles(axes) == ["CT (11)", "X-ray (10)", "others (3)"]
    groups = [list(range(11)), list(range(11, 21)), [21, 22, 23]]
    for name, answers in (("base", BASE), ("tuned", TUNED)):
        expected = [alone(places, answers, TRUTHS, Task.CONCEPTS, "f1") for places in groups]
        assert rows(axes)[name] == [pytest.approx((score.value, *score.ci)) for score in expected]
    assert axes.get_xlabel().startswith("f1 and its 95 % interval")


def test_scores_by_length_of_the_reference(tmp_path: Path) -> None:
    figure = draw_figures(captions(tmp_path))["bands"]
    [axes] = figure.axes
    assert titles(axes) == ["0–10 words (16)", "11–20 words (8)"]
    short = [n for n in range(24) if n % 3 != 1]
    score = alone(short, dict(enumerate(WRITTEN)), dict(enumerate(CAPTIONS)), Task.CAPTIONS, "rouge1")
    assert rows(axes)["base"][0] == pytest.approx((score.value, *score.ci))


def test_what_cannot_be_had_is_left_out(tmp_path: Path) -> None:
    assert list(draw_figures(concepts(tmp_path))) == ["scores", "concepts", "bands", "lengths"]
    assert list(draw_figures(captions(tmp_path))) == ["scores", "bands", "lengths"]
    material = captions(tmp_path)
    same = dict.fromkeys(material.scores[0].ids, "CT")
    assert "modalities" not in draw_figures(replace(material, modalities=same))
    blind = replace(material, gold=None, scores=())
    figures = draw_figures(blind)
    assert list(figures) == ["lengths"] and not figures["lengths"].legends
    nothing = material_of(tmp_path, Task.CAPTIONS, ["a b"] * 3, {"base": [""] * 3})
    assert draw_figures(replace(nothing, gold=None, scores=())) == {}


def test_a_caption_says_what_is_in_the_figure(tmp_path: Path) -> None:
    texts = captions(tmp_path)
    assert said(texts)["bands"].startswith("rouge1 by the number of words of the reference")
    assert said(texts)["lengths"] == "Number of words of the answers (filled) and of the references (outline)."
    assert said(replace(texts, gold=None, scores=()))["lengths"] == "Number of words of the answers."
    assert "f1 by the number of concepts" in said(concepts(tmp_path))["bands"]
    shown = figures_tex({"scores": "A.", "lengths": "50 %."})
    assert r"Figure~\ref{fig:scores} shows the scores with their intervals and Figure~\ref{fig:lengths} how" in shown
    assert r"\caption{50 {\%}.}" in shown
    assert figures_tex({}) == ""


def everything(folder: Path, names: tuple[str, ...]) -> PaperMaterial:
    material = concepts(folder, names=names)
    ids = material.scores[0].ids
    fitted = {"rule": "threshold", "threshold": 0.45}
    runs = tuple(run_of(run.folder, Task.CONCEPTS, decision={"fitted": fitted}) for run in material.runs)
    for n, run in enumerate(runs):
        store_probabilities(run, ids, rows_of_probabilities((BASE, TUNED)[n % 2]))
    logs = {name: training(folder / f"training{n}", LOG) for n, name in enumerate(names)}
    modalities = {i: "CT" if n % 2 else "X-ray" for n, i in enumerate(ids)}
    return replace(material, runs=runs, training=logs, modalities=modalities)


@pytest.mark.parametrize("names", [("one",), NASTY], ids=["one run", "eight runs with nasty names"])
def test_texts_stand_as_they_are_within_the_page_and_are_not_small(tmp_path: Path, names: tuple[str, ...]) -> None:
    material = everything(tmp_path, names)
    figures = draw_figures(material)
    assert list(figures) == list(FIGURES) == list(said(material)) == list(SHOWS)
    for figure in figures.values():
        with paper_style():
            figure.draw_without_rendering()
            drawn = figure.get_tightbbox()
        assert min(drawn.x0, drawn.y0) > -0.01, "something is cut off at the left or below"
        assert drawn.x1 < figure.get_figwidth() + 0.01 and drawn.y1 < figure.get_figheight() + 0.01, "or on the others"
        assert figure.get_figwidth() in (COLUMN, PAGE) and figure.get_figheight() < 9
        for text in figure.findobj(Text):
            assert isinstance(text, Text)
            assert float(text.get_fontsize()) >= 6.5 and not text.get_parse_math()


def test_nasty_names_can_be_told_apart(tmp_path: Path) -> None:
    shown = titles(draw_figures(everything(tmp_path, NASTY))["scores"].axes[0])
    assert shown[:2] == ["a$b_{x}$ 100% \\alpha", "?? under_score ?"]
    assert shown[2:4] == ["report_gen…32-lr1e-4-seed1", "report_gen…32-lr1e-4-seed2"]
    assert shown[4:] == ["alright ?", "6: very-very-…y-very-very-end", "7: very-very-…y-very-very-end", "#&~^<b>"]


SAVE = "import sys, tests.evaluation.figures.test_paper_figures as t; t.save(*sys.argv[1:])"


def save(made: str, to: str) -> None:
    save_figures(draw_figures(everything(Path(made), NASTY[:3])), Path(to))


def test_the_same_bytes_twice_whatever_the_users_settings(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-W", "error", "-c", SAVE, str(tmp_path / "made"), str(tmp_path / "there")]
    subprocess.run(command, env=environment, check=True, cwd=Path(__file__).parents[3])
    with rc_context({"font.size": 20, "lines.linewidth": 5, "savefig.dpi": 10, "pdf.fonttype": 3, "axes.grid": True}):
        figures = draw_figures(everything(tmp_path / "made", NASTY[:3]))
        paths = save_figures(figures, tmp_path / "here")
    assert sorted(path.name for path in paths) == sorted(f"{name}{end}" for name in FIGURES for end in (".pdf", ".png"))
    for path in paths:
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes(), path.name


def test_pages_hold_their_fonts_and_no_date(tmp_path: Path) -> None:
    paths = save_figures(draw_figures(captions(tmp_path)), tmp_path)
    for path in paths:
        if path.suffix == ".pdf":
            content = path.read_bytes()
            assert b"/FontFile2" in content and b"/Type3" not in content and b"Date" not in content
        else:
            with Image.open(path) as picture:
                assert picture.width in (int(300 * COLUMN), int(300 * PAGE))
                assert len(picture.convert("L").getcolors() or []) > 2
