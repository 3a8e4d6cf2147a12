"""Our own runs over time: what compares with what, and which was the best so far."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.drawing import paper_style
from evaluation.history.plot import panels, progress_picture
from evaluation.history.series import best_so_far, headline
from evaluation.history.tables import history_json, history_tables
from evaluation.inputs.run_folders import Run, read_run, runs_under
from tests.evaluation.leaderboard.folders import entry, make_run


def run_of(value: float, day: int, name: str = "") -> Run:
    record = {
        "task": "concept_detection",
        "edition": 2026,
        "finished": f"2026-05-{day:02}T00:00:00+00:00",
        "data": {"split": "valid", "path": "d"},
    }
    return Run(Path(name or f"run-{day}"), record, {"n": 400, "scores": {"f1": entry(value)}})


def test_the_best_so_far() -> None:
    runs = [run_of(0.5, 3), run_of(0.4, 1), run_of(0.5, 4), run_of(0.45, 2), run_of(0.6, 5)]
    [series] = best_so_far(runs)
    assert [(m.run.name, m.best) for m in series.moments] == [
        ("run-1", True),
        ("run-2", True),
        ("run-3", True),
        ("run-4", False),  # as high is not higher
        ("run-5", True),
    ]
    assert series.best.run.name == "run-5" and series.best.value == 0.6
    assert series.title == "f1 · concept_detection 2026 · 400 images of valid of d"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=27))
def test_the_marked_ones_are_the_running_maxima(values: list[float]) -> None:
    [series] = best_so_far([run_of(value, day) for day, value in enumerate(values, start=1)])
    maxima = list(accumulate(values, max))
    marked = [m.value for m in series.moments if m.best]
    assert marked == sorted(set(maxima)) and series.best.value == max(values)


def test_only_what_compares_is_compared(tmp_path: Path) -> None:
    make_run(tmp_path, "valid-1", split="valid", value=0.3, finished="2026-05-01T00:00:00+00:00")
    make_run(tmp_path, "valid-2", split="valid", value=0.4, finished="2026-05-02T00:00:00+00:00")
    make_run(tmp_path, "other-data", split="valid", scores={"f1": entry(0.9, signature="f1|refs:2")})
    make_run(tmp_path, "other-split", split="test", value=0.9)
    make_run(tmp_path, "other-year", split="valid", edition=2025, value=0.9)
    make_run(tmp_path, "caption", task="caption_prediction", split="valid", value=0.9)
    make_run(tmp_path, "unscored", value=None)
    make_run(tmp_path, "half-done", finished=None)
    runs, unreadable = runs_under(tmp_path)
    assert len(unreadable) == 1
    series = best_so_far(runs)
    assert sorted(len(one.moments) for one in series) == [1, 1, 1, 1, 2]
    assert [moment.run.name for moment in series[0].moments] == ["valid-1", "valid-2"]  # the newest comes first


def test_without_a_primary_score_the_first_stands_for_the_run(tmp_path: Path) -> None:
    scores = {"rouge1": entry(0.18, "part"), "overall_surrogate": entry(0.2, "extra", surrogate=True)}
    run = read_run(make_run(tmp_path, "knn", task="caption_prediction", scores=scores))
    found = headline(run)
    assert found is not None and found[0] == "rouge1"
    [series] = best_so_far([run])
    assert series.title.startswith("rouge1, not the primary score · ")
    surrogate = {"overall_surrogate": entry(0.2, "extra", surrogate=True)}
    [series] = best_so_far([read_run(make_run(tmp_path, "b", task="caption_prediction", scores=surrogate))])
    assert series.title.startswith("overall_surrogate, a surrogate · ")
    assert headline(read_run(make_run(tmp_path, "empty", scores={}))) is None
    assert headline(read_run(make_run(tmp_path, "none", value=None))) is None


def test_the_table_says_what_each_run_gained() -> None:
    [table] = history_tables(best_so_far([run_of(0.4, 1), run_of(0.38, 2), run_of(0.45, 3)]))
    assert [row[4].text for row in table.rows] == ["", "-0.0200", "+0.0500"]
    assert [row[1].marks for row in table.rows] == ["*", "", "*"] and table.rows[0][0].text == "2026-05-01 00:00"
    [data] = history_json(best_so_far([run_of(0.4, 1)]))
    assert data["runs"][0] == {
        "run": "run-1",
        "folder": "run-1",
        "finished": "2026-05-01T00:00:00+00:00",
        "value": 0.4,
        "ci": [0.39, 0.41000000000000003],
        "best_so_far": True,
    }


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_a_picture_is_drawn_and_is_the_same_twice(suffix: str, magic: bytes) -> None:
    series = best_so_far([run_of(0.4, 1, "a $x$ _ run whose name goes on and on"), run_of(0.5, 2), run_of(0.45, 3)])
    first = progress_picture(series, suffix)
    assert first.startswith(magic) and first == progress_picture(series, suffix)


def test_a_long_title_is_cut_at_the_edge() -> None:
    [series] = best_so_far([run_of(0.4, 1), run_of(0.5, 2)])
    with paper_style():
        figure = panels([replace(series, data="folder/" * 90)])
        figure.canvas.draw()
    box = figure.axes[0].get_tightbbox()
    assert box is not None and box.x1 <= figure.bbox.x1


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=5)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_the_line_is_the_best_so_far(values: list[float]) -> None:
    from matplotlib.figure import Figure

    from evaluation.history.plot import draw_series

    axes = Figure().subplots()
    draw_series(axes, best_so_far([run_of(value, day) for day, value in enumerate(values, start=1)])[0])
    line = next(line for line in axes.lines if line.get_label() == "best so far")
    assert np.asarray(line.get_ydata()).tolist() == list(accumulate(values, max))
