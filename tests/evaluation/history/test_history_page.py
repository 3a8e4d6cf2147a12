"""The page of all runs as text: what it says of each run, what it keeps to itself, and what it cannot read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evaluation.history.commands import page as page_command
from evaluation.history.page import history_page
from evaluation.history.plot import progress_svg
from evaluation.history.series import best_so_far
from evaluation.inputs.run_folders import runs_under
from evaluation.uploads.ledger import LEDGER, Upload, ledger_open, utc
from tasks.nouns import InputError, Task
from tests.evaluation.uploads.uploading import make_run

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def page_of(submissions: Path) -> str:
    return history_page(submissions, out=submissions / "index.html")


def row_of(html: str, name: str) -> str:
    """The row of the run, its texts alone, one after another."""
    rows = re.findall(r"<tr data-key.*?</tr>", html, re.DOTALL)
    [row] = [row for row in rows if f'<span class="name">{name}</span>' in row]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row)).strip()


def data_of(html: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    data: list[dict[str, Any]] = json.loads(found[1])
    return data


def test_a_row_says_what_a_run_is_and_what_it_got(tmp_path: Path) -> None:
    make_run(tmp_path, "base", split="valid", scores=0.5)
    failed: dict[str, Any] = {"counts": {"ok": 390, "failed": 10}, "finished": "2026-05-02T10:00:00+00:00"}
    make_run(tmp_path, "bad", accepted=False, **failed)
    cards = {"hardware": {"cpu": "CPU", "cores": 2, "accelerators": [{"name": "Big GPU"}] * 2}, "seconds": 7322.0}
    make_run(tmp_path, "big", finished="2026-05-03T10:00:00+00:00", sessions=[cards])
    with ledger_open(tmp_path) as uploads:
        uploads.append(Upload(Task.CONCEPTS, 2026, "bad", "us", utc("2026-05-04"), scores={"f1": 0.4321}))
        uploads.append(Upload(Task.CONCEPTS, 2026, "gone", "us", utc("2026-05-04"), scores={"f1": 0.1}))
        uploads.append(Upload(Task.CONCEPTS, 2026, "big", "us", utc("2026-05-05")))
    html = page_of(tmp_path)
    assert row_of(html, "base") == (
        "base small record scores zip 0.5000 f1, 0.480 – 0.520 concept detection 2026 valid official 400 images "
        "accepted 0 2026-05-01 10:00 1 min 11 s CPU, 2 cores"
    )
    bad = row_of(html, "bad")
    assert "none not scored 0.4321 f1, uploaded 2026-05-04 by us" in bad
    assert "refused 10 2026-05-02" in bad
    assert "awaited uploaded 2026-05-05 by us" in row_of(html, "big")
    assert "2 h 2 min Big GPU 2 of them" in row_of(html, "big")
    assert "gone of us, concept detection 2026, 2026-05-04, f1 0.1" in html
    assert html.index(">big<") < html.index(">bad<") < html.index(">base<")
    assert 'href="concept_detection/base/scores.json"' in html
    assert 'href="concept_detection/bad/scores.json"' not in html


def test_the_page_holds_the_settings_and_who_came_before(tmp_path: Path) -> None:
    make_run(tmp_path, "first", split="valid", inputs={"generation.num_beams": 3, "weights": [float("inf")]})
    make_run(tmp_path, "other", task="caption_prediction", finished="2026-05-02T10:00:00+00:00")
    make_run(tmp_path, "second", finished="2026-05-03T10:00:00+00:00")
    second, other, first = data_of(page_of(tmp_path))
    assert (second["name"], other["name"], first["name"]) == ("second", "other", "first")
    assert (second["before"], other["before"], first["before"]) == (first["key"], "", "")
    assert first["settings"]["generation.num_beams"] == 3
    assert first["settings"]["images"] == "the ids of valid"
    assert first["settings"]["weights"] == ["inf"]


def test_another_adapter_at_the_same_path_is_a_difference(tmp_path: Path) -> None:
    for name in ("first", "second"):
        fingerprint = {"inputs": {"adapters": [f"sha256:{name}"], "seed": 42}}
        make_run(tmp_path, name, inputs={"adapters": [{"path": "adapter"}]}, fingerprint=fingerprint)
    one, other = (run["settings"] for run in data_of(page_of(tmp_path)))
    assert {key for key in one if one[key] != other[key]} == {"adapters, its content"}
    assert one["adapters"] == other["adapters"] == [{"path": "adapter"}]


def test_texts_of_a_run_on_restricted_data_stay_where_they_are(tmp_path: Path) -> None:
    texts = {"prompt": "As in report s50414267", "prompt.text": "As in report s50414267"}
    make_run(tmp_path, "mimic", task="report_generation", restricted="MIMIC-CXR", inputs=texts)
    html = page_of(tmp_path)
    assert "s50414267" not in html
    assert "not to be passed on" in row_of(html, "mimic")
    assert data_of(html)[0]["settings"]["prompt.text"].startswith("hidden, sha256:")
    free = make_run(tmp_path, "free", task="report_generation", inputs=texts)
    assert "s50414267" in page_of(tmp_path)
    assert free.exists()


def test_a_run_keeps_its_official_score_under_another_name_and_its_successor_has_none(tmp_path: Path) -> None:
    old = make_run(tmp_path, "base")
    sha256 = json.loads((old / "run.json").read_text(encoding="utf-8"))["submission"]["sha256"]
    with ledger_open(tmp_path) as uploads:
        uploads.append(Upload(Task.CONCEPTS, 2026, "base", "us", utc("2026-05-04"), "", {"f1": 0.4321}, "", sha256))
    old.rename(old.with_name("old"))
    make_run(tmp_path, "base", table="ID,CUIs\nimage_0,C0817096\n")
    html = page_of(tmp_path)
    assert "0.4321" in row_of(html, "old")
    assert "0.4321" not in row_of(html, "base")
    assert "Uploaded, and not here" not in html


def test_a_later_upload_without_a_score_hides_none(tmp_path: Path) -> None:
    make_run(tmp_path, "base")
    with ledger_open(tmp_path) as uploads:
        uploads.append(Upload(Task.CONCEPTS, 2026, "base", "us", utc("2026-05-04"), scores={"f1": 0.4321}))
        uploads.append(Upload(Task.CONCEPTS, 2026, "base", "them", utc("2026-05-05")))
    assert "0.4321 f1, uploaded 2026-05-04 by us, one of 2 uploads" in row_of(page_of(tmp_path), "base")


def test_everything_is_escaped(tmp_path: Path) -> None:
    hardware = [{"hardware": {"cpu": HOSTILE, "cores": 2}}]
    make_run(tmp_path, "a&b<i>", split=HOSTILE, scores=0.5, inputs={HOSTILE: HOSTILE}, sessions=hardware)
    make_run(tmp_path, "c#?'\"$x$", split=HOSTILE, scores=0.6, finished="2026-05-03T10:00:00+00:00")
    html = page_of(tmp_path)
    assert "<img src=x" not in html
    assert "alert(1)</script>" not in html
    assert "<i>" not in html
    assert 'href="concept_detection/c%23%3F%27%22%24x%24/run.json"' in html
    assert 'href="concept_detection/a%26b%3Ci%3E/run.json"' in html


def test_runs_that_cannot_be_read_are_listed_with_the_reason_and_the_command(tmp_path: Path) -> None:
    make_run(tmp_path, "half", finished=None)
    make_run(tmp_path, "odd", counts=["many"])
    (make_run(tmp_path, "broken") / "run.json").write_text("{", encoding="utf-8")
    (make_run(tmp_path, "unscored") / "scores.json").write_text("[]", encoding="utf-8")
    html = page_of(tmp_path)
    assert "the run is not finished: resume it first: imageclef run half.yaml" in html
    assert "run.json is not as this program writes it (AttributeError" in html
    assert "run.json is not the record of a run" in html
    assert "does not hold scores: write it again" in html
    assert "There is no finished run yet" in html
    make_run(tmp_path, "whole")
    assert "There is no finished run yet" not in page_of(tmp_path)


def test_the_best_so_far_is_marked_and_drawn_the_same_every_time(tmp_path: Path) -> None:
    for day, value in enumerate([0.5, 0.6, 0.55], start=1):
        make_run(tmp_path, f"run{day}", split="valid", scores=value, finished=f"2026-05-0{day}T10:00:00+00:00")
    make_run(tmp_path, "alone", task="caption_prediction", split="valid", scores=0.2)
    html = page_of(tmp_path)
    assert html.count('class="mark best"') == 1
    assert "best" in row_of(html, "run2")
    assert html.count("<svg") == 1
    [series] = [one for one in best_so_far(runs_under(tmp_path)[0]) if one.task is Task.CONCEPTS]
    drawn = progress_svg(series)
    assert drawn == progress_svg(series)
    assert 'aria-label="3 runs: from 0.5000 (run1) to 0.6000 (run2), the best"' in drawn
    assert "0.6000" in re.sub(r"<svg[^>]*>", "", drawn)
    assert not re.search(r"#0\d0\d0\d|<style|xlink|https?://(?!www\.w3\.org)", drawn)
    assert "var(--ink)" in drawn


def test_the_command_writes_where_it_is_told_and_leaves_the_ledger_alone(tmp_path: Path) -> None:
    make_run(tmp_path / "submissions", "base")
    options = ["--submissions", str(tmp_path / "submissions")]
    found = CliRunner().invoke(page_command, options, catch_exceptions=False)
    assert found.output == f"written: {tmp_path / 'submissions' / 'index.html'}\n"
    CliRunner().invoke(page_command, [*options, "--out", str(tmp_path / "pages" / "all.html")], catch_exceptions=False)
    text = (tmp_path / "pages" / "all.html").read_text(encoding="utf-8")
    assert 'href="../submissions/concept_detection/base/run.json"' in text
    for kept in (LEDGER, "concept_detection/base/run.json"):
        with pytest.raises(InputError, match=r"a page is HTML: end the name in \.html"):
            CliRunner().invoke(
                page_command, [*options, "--out", str(tmp_path / "submissions" / kept)], catch_exceptions=False
            )
    with pytest.raises(InputError, match="is no folder"):
        CliRunner().invoke(page_command, ["--submissions", str(tmp_path / "nowhere")], catch_exceptions=False)
    (tmp_path / "submissions" / LEDGER).write_text("team\nus\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"uploads\.csv:1: no column 'task'"):
        CliRunner().invoke(page_command, options, catch_exceptions=False)
