"""A gallery to pass on holds nothing of others; data under an agreement are refused, else shown as numbers alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.gallery.sharing import for_sharing
from tasks.datasets import open_dataset
from tasks.nouns import Report, Task
from tests.evaluation.gallery.building import (
    CHEST,
    CT,
    EFFUSION,
    NAMES,
    change_record,
    data_of,
    gallery,
    ids_of,
    make_data,
    make_run,
    refused,
)
from tests.tasks.mimic.making import Study, make_cxr

A, B = IDS = ids_of(2)
MARK = "MIMIC-CXR, PhysioNet Credentialed Health Data License 1.5.0"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    captions = {A: "Enormous meningioma, image courtesy of Xanthippe.", B: "Pleural effusion."}
    return make_data(tmp_path / "data", captions=captions, concepts={A: [CT, CHEST], B: [EFFUSION]})


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.html"


def test_a_shared_page_has_answers_and_scores_only(data: Path, page: Path) -> None:
    run = make_run(page.parent / "run", {A: "CT of the brain.", B: ""}, data, failed={B: "/home/me/b.jpg is gone"})
    done = gallery(run, "--share", "--out", page)
    assert done.exit_code == 0 and "to pass on" in done.stdout, done.output
    text = page.read_text(encoding="utf-8")
    assert not [word for word in ("meningioma", "Xanthippe", "effusion.", "data:image", "/home/me") if word in text]
    found = data_of(page)
    assert found["shared"] and found["overall"][0]["rouge1"]["value"] > 0
    assert found["names"] == {CT: NAMES[CT]} and any("no images and no references" in note for note in found["notes"])
    first, second = found["cards"]
    assert (first["id"], first["image"], first["reference"], first["concepts"]) == (A, None, None, [])
    assert first["answers"][0]["value"] == "CT of the brain." and first["answers"][0]["scores"][0] > 0
    assert second["answers"][0]["failed"] == "failed"


def test_images_that_a_page_has_are_left_out_of_the_shared_one(data: Path, page: Path) -> None:
    assert gallery(make_run(page.parent / "run", {A: "CT", B: "CT"}, data), "--out", page).exit_code == 0
    found = data_of(page)
    assert "data:image" in json.dumps(found) and "data:image" not in json.dumps(for_sharing(found, restricted=""))


@pytest.mark.parametrize("how", ["embed", "link"])
def test_images_are_not_shared(data: Path, page: Path, how: str) -> None:
    run = make_run(page.parent / "run", {A: "CT", B: "CT"}, data)
    assert f"leave out --images {how}" in refused(run, "--share", "--images", how, "--out", page)
    assert not page.exists()


@pytest.mark.parametrize("more", [[], ["--share"]])
def test_what_is_made_of_restricted_data_is_refused(data: Path, page: Path, more: list[str]) -> None:
    free = make_run(page.parent / "free", {A: "CT", B: "CT"}, data)
    marked = make_run(page.parent / "marked", {A: "CT", B: "CT"}, data, restricted=MARK)
    for runs in ([marked], [free, marked]):
        said = refused(*runs, *more, "--out", page)
        assert MARK in said and "--i-have-the-right" in said and not page.exists()
    assert gallery(free, marked, *more, "--i-have-the-right", "--out", page).exit_code == 0


def test_a_mark_of_the_data_counts_where_the_record_has_none(page: Path) -> None:
    root = make_cxr(page.parent / "mimic", [Study(10_000_001, 50_000_001, "2150-03-01 10:00:00")], images=False)
    [example] = open_dataset(root).examples(Task.REPORTS, "train")
    run = make_run(page.parent / "run", {example.image_id: Report("Clear lungs.", "")}, root)
    change_record(run, data={"path": str(root), "split": "train"})
    assert "--i-have-the-right" in refused(run, "--out", page) and not page.exists()
    assert gallery(run, "--i-have-the-right", "--share", "--out", page).exit_code == 0
    assert example.image_id not in page.read_text(encoding="utf-8")


def test_of_restricted_data_numbers_are_shared(data: Path, page: Path) -> None:
    answers = {A: "Zebrafish lung.", B: ""}
    run = make_run(page.parent / "run", answers, data, restricted=MARK, failed={B: f"{B} is gone"})
    assert gallery(run, "--share", "--i-have-the-right", "--out", page).exit_code == 0
    text, found = page.read_text(encoding="utf-8"), data_of(page)
    assert not [word for word in (A, B, "Zebrafish", "meningioma") if word in text]
    assert [card["id"] for card in found["cards"]] == ["1", "2"] and found["names"] == {}
    assert all(card["modality"] is None and card["length"] == 0 for card in found["cards"])
    assert found["cards"][0]["answers"][0]["value"] is None and found["cards"][1]["answers"][0]["failed"] == "failed"
    assert len(found["cards"][0]["answers"][0]["scores"]) == len(found["scores"]) > 0
    assert any(MARK in note for note in found["notes"])
    assert gallery(run, "--i-have-the-right", "--out", page).exit_code == 0
    assert data_of(page)["cards"][0]["answers"][0]["value"] == "Zebrafish lung."
