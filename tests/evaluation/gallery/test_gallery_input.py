"""What the verb `gallery` refuses, and how it names the mend; nothing is written then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluation.gallery.building import (
    CHEST,
    CT,
    XRAY,
    change_record,
    data_of,
    gallery,
    ids_of,
    make_data,
    make_run,
    refused,
)

A, B, C = IDS = ids_of(3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(
        tmp_path / "data", concepts={A: [CT], B: [CT, CHEST], C: [XRAY]}, captions=dict.fromkeys(IDS, "CT")
    )


@pytest.fixture
def run(data: Path) -> Path:
    return make_run(data.parent / "run", dict.fromkeys(IDS, (CT,)), data)


@pytest.fixture
def page(data: Path) -> Path:
    return data.parent / "page.html"


def refused_at(page: Path, *arguments: object) -> str:
    """Why, when nothing was written."""
    before = page.read_bytes() if page.is_file() else None
    said = refused(*arguments, "--out", page)
    assert (page.read_bytes() if page.is_file() else None) == before
    return said


def test_runs_must_be_of_one_task_and_edition(run: Path, data: Path, page: Path) -> None:
    captions = make_run(data.parent / "captions", dict.fromkeys(IDS, "CT"), data)
    assert "give runs of one task" in refused_at(page, run, captions)
    old = change_record(make_run(data.parent / "old", dict.fromkeys(IDS, (CT,)), data), edition=2025)
    assert "is a run of edition 2026" in refused_at(page, run, old)
    assert "given twice" in refused_at(page, run, run)
    assert "compare takes more" in refused_at(page, run, run, run)


def test_other_images_are_shown_on_request_only(run: Path, data: Path, page: Path) -> None:
    part = make_run(data.parent / "part", {B: (CT,), C: (XRAY,)}, data)
    said = refused_at(page, run, part)
    assert "answers 3 images" in said and f"{A} in {run} alone" in said and "--intersection" in said
    done = gallery(run, part, "--intersection", "--out", page)
    assert done.exit_code == 0, done.output
    found = data_of(page)
    assert [card["id"] for card in found["cards"]] == [B, C]
    assert found["overall"][1]["f1"]["value"] == pytest.approx(5 / 6)  # of the two images alone
    said = "only the 2 images that both runs answered, of the 3 of run and the 2 of part"
    assert said in found["notes"] and said in done.stderr
    other = make_run(data.parent / "other", {A: (CT,)}, data)
    assert "no image in common" in refused_at(page, part, other, "--intersection")
    assert "none in common" in refused_at(page, part, other)


def test_the_intersection_of_the_same_images_is_all_of_them(run: Path, data: Path, page: Path) -> None:
    again = make_run(data.parent / "again", dict.fromkeys(reversed(IDS), (XRAY,)), data)
    assert gallery(run, again, "--intersection", "--out", page).exit_code == 0
    found = data_of(page)
    assert [card["id"] for card in found["cards"]] == IDS
    assert not any("only the" in note and "both" in note for note in found["notes"])


def test_runs_with_other_references_are_refused_at(run: Path, page: Path) -> None:
    data = make_data(page.parent / "mended", concepts={A: [CT], B: [CT], C: [XRAY]})
    theirs = make_run(page.parent / "theirs", dict.fromkeys(IDS, (CT,)), data)
    assert f"{B} has another reference" in refused_at(page, run, theirs)


def test_runs_of_the_same_name_keep_apart(run: Path, data: Path, page: Path) -> None:
    same = make_run(data.parent / "more" / "run", dict.fromkeys(IDS, (XRAY,)), data)
    assert gallery(run, same, "--out", page).exit_code == 0
    first, second = data_of(page)["runs"]
    assert first.endswith("/run") and second == "more/run" and first != second


def test_only_finished_runs_of_this_version_are_shown(run: Path, page: Path) -> None:
    said = refused_at(page, change_record(run, finished=None))
    assert "not finished" in said and "imageclef run config.yaml" in said
    assert "version 7" in refused_at(page, change_record(run, finished="now", schema=7))
    assert "does not exist" in refused_at(page, run.parent / "nowhere")
    assert "is a file" in refused_at(page, run / "submission.csv")
    assert "no run.json" in refused_at(page, run.parent / "data")


def test_the_page_is_not_written_over_something_else(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.iterdir()}
    assert "is a folder" in refused_at(run, run)
    for name in ("predictions.csv", "run.json", "page"):
        assert "end the name in .html" in refused_at(run / name, run)
    assert {path: path.read_bytes() for path in run.iterdir()} == before


def test_scores_that_are_none_are_named(run: Path, page: Path) -> None:
    (run / "scores.json").write_text(json.dumps({"scores": {"f1": {}}}), encoding="utf-8")
    assert "does not hold scores" in refused_at(page, run)


def test_a_run_without_its_submission_is_refused(run: Path, page: Path) -> None:
    (run / "submission.csv").unlink()
    assert "submission.csv" in refused_at(page, run)


def test_a_run_without_any_answer_is_refused(run: Path, page: Path) -> None:
    for content in ("", "ID,CUIs\n"):
        (run / "submission.csv").write_text(content, encoding="utf-8")
        assert "submission.csv holds no answers" in refused_at(page, run)


def test_half_a_surrogate_pair_in_a_reason_does_no_harm(run: Path, page: Path) -> None:
    change_record(run, failures=[{"image_id": A, "reason": "torn \ud83d text"}])
    assert gallery(run, "--out", page).exit_code == 0
    assert data_of(page)["cards"][0]["answers"][0]["failed"] == "torn ? text"
