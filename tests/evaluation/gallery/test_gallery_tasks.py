"""What the page of a gallery is given, for each task: answers, references, concepts or labels, scores, failures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.nouns import Report
from tests.evaluation.gallery.building import (
    CHEST,
    CT,
    EFFUSION,
    NAMES,
    XRAY,
    XSS,
    change_record,
    data_of,
    gallery,
    ids_of,
    make_data,
    make_run,
)

A, B, C = IDS = ids_of(3)
CONCEPTS = {A: [CT, CHEST], B: [XRAY], C: [CT, XRAY]}
CAPTIONS = {A: "Chest CT with a large pleural effusion.", B: "Plain x-ray of the chest.", C: "An image."}


def test_concepts_of_two_runs(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", concepts=CONCEPTS)
    one = make_run(tmp_path / "one", {A: (CT,), B: (XRAY,), C: ()}, data, failed={C: "out of memory"})
    two = make_run(tmp_path / "two", {A: (CT, CHEST), B: ("C9999999",), C: (CT, XRAY)}, data)
    done = gallery(one, two, "--out", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    found = data_of(tmp_path / "page.html")
    assert (found["task"], found["edition"], found["split"]) == ("concept_detection", 2026, "valid")
    assert found["runs"] == ["one", "two"] and not found["shared"]
    names = [score["name"] for score in found["scores"]]
    assert names == ["f1", "precision", "recall"] and found["scores"][0]["primary"]
    assert found["overall"][0]["f1_micro"]["ci"] and found["overall"][1]["f1"]["value"] == pytest.approx(2 / 3)
    first, second, third = found["cards"]
    assert [card["id"] for card in found["cards"]] == IDS
    assert first["reference"] == first["concepts"] == [CT, CHEST] and first["length"] == 2
    assert [card["modality"] for card in found["cards"]] == ["CT", "X-ray", "several"]
    assert first["answers"][0] == {"value": [CT], "failed": "", "scores": [0.6667, 1, 0.5], "concepts": [CT]}
    assert first["answers"][1]["scores"] == [1, 1, 1] and second["answers"][1]["scores"] == [0, 0, 0]
    assert third["answers"][0] == {"value": None, "failed": "out of memory", "scores": [0, 0, 0], "concepts": []}
    assert found["names"] == {cui: name for cui, name in NAMES.items() if cui != EFFUSION}
    assert first["image"].startswith("data:image/jpeg;base64,") and first["views"] == []


def test_captions_have_the_concepts_of_the_data_set_and_those_found_in_answers(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", concepts=CONCEPTS, captions=CAPTIONS)
    run = make_run(tmp_path / "run", {A: "Chest CT, no pleural effusion.", B: CAPTIONS[B], C: XSS}, data)
    done = gallery(run, "--out", tmp_path / "page.html", "--images", "none")
    assert done.exit_code == 0, done.output
    found = data_of(tmp_path / "page.html")
    first, second, third = found["cards"]
    assert (first["reference"], first["length"], first["modality"]) == (CAPTIONS[A], 7, "CT")
    assert first["concepts"] == [CT, CHEST] and set(first["answers"][0]["concepts"]) == {CT, CHEST}
    names = [score["name"] for score in found["scores"]]
    assert {"rouge1", "rougeL", "medcat_surrogate"} <= set(names) and not {"bleu4", "cider"} & set(names)
    assert {"bleu4", "cider"} <= found["overall"][0].keys()
    assert second["answers"][0]["scores"][names.index("rouge1")] == 1
    assert next(score for score in found["scores"] if score["name"] == "medcat_surrogate")["surrogate"]
    assert third["answers"][0]["value"] == XSS and third["image"] is None
    assert any("concepts are named by the data set" in note for note in found["notes"])


def test_concepts_that_no_text_can_name_are_neither_hit_nor_missed(tmp_path: Path) -> None:
    unnamed, twin = "C9999999", "C8888888"
    data = make_data(tmp_path / "data", concepts={**CONCEPTS, A: [CT, unnamed, twin]}, captions=CAPTIONS)
    with (data / "cui_mapping.csv").open("a", encoding="utf-8") as file:
        file.write(f"{twin},{NAMES[CHEST]}\n")  # a name that another concept bears already
    run = make_run(tmp_path / "run", CAPTIONS, data)
    assert gallery(run, "--out", tmp_path / "page.html", "--images", "none").exit_code == 0
    found = data_of(tmp_path / "page.html")
    assert found["unsought"] == [twin, unnamed] and found["cards"][0]["concepts"] == [CT, unnamed, twin]
    assert any(note.startswith("2 concepts of the data set cannot be found in a text") for note in found["notes"])
    assert gallery(run, "--out", tmp_path / "shared.html", "--share").exit_code == 0
    assert data_of(tmp_path / "shared.html")["unsought"] == []
    lists = make_run(tmp_path / "lists", {A: (CT,), B: (), C: ()}, data)
    assert gallery(lists, "--out", tmp_path / "lists.html", "--images", "none").exit_code == 0
    assert data_of(tmp_path / "lists.html")["unsought"] == [], "an answer of task 1 can name every concept"


def test_without_a_table_of_concepts_those_of_a_caption_are_found_in_it(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", captions=CAPTIONS)
    run = make_run(tmp_path / "run", CAPTIONS, data)
    assert gallery(run, "--out", tmp_path / "page.html", "--images", "none").exit_code == 0
    found = data_of(tmp_path / "page.html")
    assert set(found["cards"][0]["concepts"]) == {CT, CHEST} and found["cards"][0]["modality"] == "CT"
    assert found["cards"][2]["concepts"] == [] and found["cards"][2]["modality"] is None


def test_an_answer_cannot_leave_its_text(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", captions={**CAPTIONS, B: XSS}, concepts={**CONCEPTS, C: [CT]})
    run = make_run(tmp_path / "run", {A: XSS, B: XSS, C: ""}, data, failed={C: XSS})
    assert gallery(run, "--out", tmp_path / "page.html").exit_code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page and '<script>alert("caption")' not in page
    found = data_of(tmp_path / "page.html")
    assert found["cards"][1]["reference"] == XSS == found["cards"][2]["answers"][0]["failed"]


def test_reports_have_labels_stated_or_read(tmp_path: Path) -> None:
    gold = {A: ("The heart is enlarged.", "No pneumothorax."), B: ("Clear lungs.", "Normal.")}
    data = make_data(tmp_path / "data", reports=gold)
    stated = Report("Fine.", "Edema.", {"Edema": -1, "Fracture": None}, ("I509",))
    run = make_run(tmp_path / "run", {A: Report("Heart is enlarged.", "Effusion."), B: stated}, data)
    done = gallery(run, "--out", tmp_path / "page.html", "--images", "none")
    assert done.exit_code == 0, done.output
    found = data_of(tmp_path / "page.html")
    first, second = found["cards"]
    assert first["reference"]["findings"] == "The heart is enlarged."
    assert first["reference"]["labels"] == {"Cardiomegaly": 1, "Pneumothorax": 0}
    assert first["answers"][0]["value"]["labels"] == {"Cardiomegaly": 1, "Pleural Effusion": 1}
    assert second["answers"][0]["value"] == {
        "findings": "Fine.",
        "impression": "Edema.",
        "labels": {"Edema": -1},
        "icd": ["I509"],
    }
    assert first["concepts"] == [] and found["scores"][0]["name"] == "rougeL"
    assert any("labels are stated beside 0 of the references, 1 of run" in note for note in found["notes"])


def test_a_run_over_a_test_set_has_cards_without_references(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", captions=dict.fromkeys(ids_of(2), ""))
    run = make_run(tmp_path / "run", dict.fromkeys(ids_of(2), "Chest CT."), data)
    change_record(run, data={"path": str(data), "split": "valid", "with_reference": 0})
    done = gallery(run, "--out", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    found = data_of(tmp_path / "page.html")
    assert found["scores"] == [] and found["overall"] == [{}]
    assert found["cards"][0]["reference"] is None and found["cards"][0]["answers"][0]["value"] == "Chest CT."
    assert found["cards"][0]["image"] and any("no references" in note for note in found["notes"])


def test_a_run_whose_data_are_gone_shows_its_answers(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {A: (CT,), B: (XRAY,)}, tmp_path / "moved")
    done = gallery(run, "--out", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    assert f"{tmp_path / 'moved'} does not exist" in done.stderr
    found = data_of(tmp_path / "page.html")
    assert [card["answers"][0]["value"] for card in found["cards"]] == [[CT], [XRAY]]
    assert str(tmp_path) not in json.dumps(found["notes"])


def test_scores_that_needed_a_model_are_taken_from_the_run(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", captions=CAPTIONS)
    run = make_run(tmp_path / "run", CAPTIONS, data)
    entry = {"value": 0.7, "ci": [0.6, 0.8], "role": "part"}
    scores = {"n": 3, "scores": {"bertscore": entry, "rouge1": {**entry, "value": 0.1}}}
    for n, there in ((3, True), (2, False)):
        (run / "scores.json").write_text(json.dumps({**scores, "n": n}), encoding="utf-8")
        assert gallery(run, "--out", tmp_path / "page.html").exit_code == 0
        [overall] = data_of(tmp_path / "page.html")["overall"]
        assert overall["rouge1"]["value"] == 1 and ("bertscore" in overall) is there
