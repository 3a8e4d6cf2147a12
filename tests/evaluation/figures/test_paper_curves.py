"""Curves of a paper: of thresholds and of trainings, read back from what was drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from evaluation.paper.figures import draw_figures
from tasks.nouns import InputError, Task
from tests.evaluation.figures.drawn import alone, legend, lines, points
from tests.evaluation.figures.small_material import (
    BASE,
    CHEST,
    CT,
    LOG,
    SPINE,
    TRUTHS,
    TUNED,
    concepts,
    rows_of_probabilities,
    run_of,
    store_probabilities,
    training,
)


def test_the_curve_of_thresholds_and_what_was_chosen(tmp_path: Path) -> None:
    material = concepts(tmp_path)
    fitted = {"rule": "threshold", "threshold": 0.45}
    chooser = run_of(tmp_path / "run1", Task.CONCEPTS, decision={"fitted": {"decision": fitted}})
    other = run_of(tmp_path / "run0", Task.CONCEPTS, decision={"fitted": {"rule": "top_k", "k": 3}})
    material = replace(material, runs=(other, chooser))
    for run, answers in ((other, BASE), (chooser, TUNED)):
        store_probabilities(run, material.scores[0].ids, rows_of_probabilities(answers))
    figure = draw_figures(material)["thresholds"]
    first, second, chosen = lines(figure.axes[0])
    for line, own in ((first, BASE), (second, TUNED)):
        at = dict(zip(np.round(line.get_xdata(), 2).tolist(), line.get_ydata(), strict=True))
        known = [tuple(cui for cui in cell if cui != SPINE) for cell in own]
        every = [(*cell, *({CT, CHEST} - set(cell))) for cell in known]
        for threshold, answers in cast(Any, ((0.5, known), (0.05, every), (0.99, [()] * 24))):
            score = alone(list(range(24)), answers, TRUTHS, Task.CONCEPTS, "f1")
            assert at[threshold] == pytest.approx(score.value)
        [best] = line.get_markevery()
        assert line.get_ydata()[best] == max(line.get_ydata())
    f1 = [one.scores["f1"].value for one in material.scores]
    assert (chosen.get_xdata()[0], chosen.get_ydata()[0]) == (0.45, pytest.approx(f1[1]))
    assert legend(figure) == [f"base (top_k: {f1[0]:.3f})", f"tuned (threshold 0.450: {f1[1]:.3f})"]


def test_only_runs_with_probabilities_have_a_curve(tmp_path: Path) -> None:
    material = concepts(tmp_path)
    assert "thresholds" not in draw_figures(material)
    store_probabilities(material.runs[1], material.scores[0].ids, rows_of_probabilities(TUNED))
    [line] = draw_figures(material)["thresholds"].axes[0].lines
    assert str(line.get_label()).startswith("tuned (")
    (material.runs[0].folder / "probabilities.valid.npz").write_bytes(b"torn")
    with pytest.raises(InputError, match="damaged"):
        draw_figures(material)


def test_curves_of_a_training_go_on_over_its_stages(tmp_path: Path) -> None:
    folder = training(tmp_path / "training", [*LOG, "two,3,0,1.4"])
    with (folder / "losses.csv").open("a", encoding="utf-8") as file:
        file.write("two,4,0,1.")  # torn by a crash
    figure = draw_figures(concepts(tmp_path, training={"tuned": folder}))["training"]
    losses, scores = figure.axes
    assert points(losses.lines[0]) == [(1, 2.5), (2, 2.25), (4, 1.5), (5, 1.4)]
    assert points(losses.lines[1]) == [(2, 2.125), (4, 1.75)]
    assert points(scores.lines[0]) == [(2, 0.25), (4, 0.5)]
    assert [line.get_xdata() for line in losses.lines[2:]] == [[2, 2]]
    assert (scores.get_ylabel(), scores.get_xlabel()) == ("validation f1", "step")
    assert legend(figure) == ["training", "validation"]


def test_trainings_side_by_side_each_with_its_score(tmp_path: Path) -> None:
    first = training(tmp_path / "a", LOG)
    second = training(tmp_path / "b", [*LOG[:2], "one,3,0,,,,0.7"], metric="recall", head="val/loss,val/f1,val/recall")
    material = concepts(tmp_path, names=("x", "y", "z"), training={"x": first, "y": second, "z": first})
    figure = draw_figures(material)["training"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss per token", "validation f1", "validation recall"]
    assert legend(figure) == ["x, z", "y"]
    assert points(figure.axes[2].lines[0]) == [(3, 0.7)]


def test_a_training_without_a_row_is_left_out_and_a_broken_one_is_told(tmp_path: Path) -> None:
    assert "training" not in draw_figures(concepts(tmp_path, training={"base": tmp_path / "gone"}))
    folder = training(tmp_path / "training", [])
    assert "training" not in draw_figures(concepts(tmp_path, training={"base": folder}))
    (folder / "losses.csv").write_text("step,train/loss\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"losses\.csv is not the log"):
        draw_figures(concepts(tmp_path, training={"base": folder}))
