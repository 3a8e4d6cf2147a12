"""The verb `compare-context`: which runs it takes, and what it says of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from imageclef import cli
from tasks.nouns import InputError, Prediction, Report

N = 60
IDS = [f"Any_2026_valid_{n}" for n in range(N)]
CONTEXT = "Report.{% for name, value in context.items() %} {{ name }} {{ value }}{% endfor %}"
GOLD = [
    (
        "The heart is enlarged." if n % 2 else "The heart is normal in size.",
        f"{'Cardiomegaly' if n % 2 else 'No acute disease'} in a {'woman' if n % 3 else 'man'} with cough.",
    )
    for n in range(N)
]
UNTOLD = [(findings, impression.replace("woman", "man")) for findings, impression in GOLD]
"""Answers of a model that cannot know who the patient is."""
BLIND = [("The heart is normal in size.", impression) for _, impression in UNTOLD]


def table(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("ID", "Findings", "Impression"))
        writer.writerows((i, *row) for i, row in zip(IDS, rows, strict=True))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "images").mkdir(parents=True)
    for image_id in IDS:
        Image.new("L", (4, 4)).save(tmp_path / "data" / "images" / f"{image_id}.png")
    table(tmp_path / "data" / "reports.csv", GOLD)
    return tmp_path / "data"


def run_folder(data: Path, name: str, answers: Sequence[tuple[str, str]], **inputs: Any) -> Path:
    """The folder of a finished run, as the runner leaves it, as far as it is read here."""
    folder = data.parent / name
    table(folder / "submission.csv", answers)
    table(folder / "predictions.csv", answers)
    asked = {"task": "report_generation", "seed": 42, "data.split": "valid", "images": "60 ids", "prompt": "Report."}
    record = {
        "task": "report_generation",
        "edition": 2026,
        "finished": "now",
        "data": {"path": str(data), "split": "valid", "n": N, "with_context": N},
        "fingerprint": {"sha256": "", "inputs": {**asked, **inputs}},
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare-context", *map(str, arguments)])


def test_a_difference_that_the_context_made_is_more_than_noise(data: Path) -> None:
    off, on = run_folder(data, "off", UNTOLD), run_folder(data, "on", GOLD, prompt=CONTEXT)
    done = compare(off, on, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["also"] == [] and found["prompts"] == ["Report.", CONTEXT]
    [rouge] = [one for one in found["scores"]["comparisons"] if one["metric"] == "rougeL"]
    assert rouge["difference"] > 0.02 and rouge["ci"][0] > 0 and rouge["p_holm"] < 0.01
    # Whom the image shows is none of the labels.
    [heart] = [one for one in found["labels"] if one["label"] == "Cardiomegaly"]
    assert heart["support"] == N // 2 and heart["off"] == heart["on"] == 1 and heart["ci"] == [0, 0]


def test_each_label_is_tested_alone(data: Path) -> None:
    blind = [(findings, "Stable.") for findings, _ in BLIND]
    seen = [(findings, "Stable.") for findings, _ in GOLD]
    done = compare(run_folder(data, "off", blind), run_folder(data, "on", seen, prompt=CONTEXT))
    assert done.exit_code == 0, done.output
    assert "labels that moved by more than noise: " in done.output
    line = next(line for line in done.output.splitlines() if line.strip().startswith("Cardiomegaly"))
    assert line.split()[1:4] == [str(N // 2), "0.000", "1.000"]


def test_labels_and_codes_that_neither_run_wrote_are_not_spoken_of(data: Path) -> None:
    off, on = run_folder(data, "off", UNTOLD), run_folder(data, "on", GOLD, prompt=CONTEXT)
    header = ["ID", "Cardiomegaly"]
    rows = [header, *([i, str(n % 2)] for n, i in enumerate(IDS[: N - 5]))]
    (data / "labels.csv").write_text("".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    done = compare(off, on)
    assert done.exit_code == 0 and "stated" not in done.output and "ICD" not in done.output
    for folder in (off, on):
        lines = [
            Prediction(i, Report(*text, {"Cardiomegaly": 1}))
            for i, text in zip(IDS, UNTOLD if folder == off else GOLD, strict=True)
        ]
        journal = "".join(f"{json.dumps(line.to_json())}\n" for line in lines)
        (folder / "predictions.0.jsonl").write_text(journal, encoding="utf-8")
    done = compare(off, on)
    assert done.exit_code == 0 and "labels as the model wrote them" in done.output and "ICD" not in done.output
    assert "warning: 5 of 60 references have no labels: left out of the scores stated_*" in done.output
    assert done.output.count("below 100") == 1


def test_scores_of_labels_are_shown_once(data: Path) -> None:
    off, on = run_folder(data, "off", UNTOLD), run_folder(data, "on", GOLD, prompt=CONTEXT)
    found = json.loads(compare(off, on, "--profile", "chexpert", "--json").stdout)
    assert found["clinical"] is None
    assert found["labels"] == json.loads(compare(off, on, "--json").stdout)["labels"] != []
    found = json.loads(compare(off, on, "--profile", "chexpert", "--metrics", "chexpert_micro5_u1", "--json").stdout)
    assert len(found["scores"]["comparisons"]) == 1 and len(found["clinical"]["comparisons"]) == 2


def test_without_a_score_in_common_nothing_is_said_of_noise(data: Path) -> None:
    off, on = run_folder(data, "off", UNTOLD), run_folder(data, "on", GOLD, prompt=CONTEXT)
    done = compare(off, on, "--profile", "rexrank", "--metrics", "green")
    assert isinstance(done.exception, InputError) and "no score in common" in str(done.exception)
    assert "needs the package radeval" in done.output


def test_what_else_differs_is_said(data: Path) -> None:
    off = run_folder(data, "off", UNTOLD, adapters=["a"])
    done = compare(off, run_folder(data, "on", GOLD, prompt=CONTEXT, adapters=["b"]))
    assert "also differ in adapters: what differs is not the context's alone; two adapters" in done.output
    done = compare(off, run_folder(data, "on", GOLD, prompt=CONTEXT, **{"generation.num_beams": 3}))
    assert "also differ in adapters, generation.num_beams" in done.output


@pytest.mark.parametrize(
    ("off", "on", "said"),
    [
        ({}, {"seed": 1}, "differ in seed"),
        ({}, {"images": "59 ids"}, "differ in images"),
        ({}, {"prompt": "Report, please."}, "neither run is"),
        ({"prompt": CONTEXT}, {}, "both runs are"),
        ({"prompt": CONTEXT}, {"prompt": "Report."}, "without context first"),
    ],
)
def test_what_cannot_be_compared_is_refused(data: Path, off: dict[str, Any], on: dict[str, Any], said: str) -> None:
    folders = run_folder(data, "off", UNTOLD, **off), run_folder(data, "on", GOLD, **{"prompt": CONTEXT, **on})
    failed = compare(*folders).exception
    assert isinstance(failed, InputError) and said in str(failed)


def test_images_without_context_are_counted(data: Path) -> None:
    on = run_folder(data, "on", GOLD, prompt=CONTEXT)
    record = json.loads((on / "run.json").read_text(encoding="utf-8"))
    record["data"]["with_context"] = N - 7
    (on / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert "of 7 images nothing is known of the patient" in compare(run_folder(data, "off", UNTOLD), on).output


def test_a_run_that_asked_no_model_is_refused(data: Path) -> None:
    off = run_folder(data, "off", UNTOLD)
    record = json.loads((off / "run.json").read_text(encoding="utf-8"))
    del record["fingerprint"]["inputs"]["prompt"]
    (off / "run.json").write_text(json.dumps(record), encoding="utf-8")
    failed = compare(off, run_folder(data, "on", GOLD, prompt=CONTEXT)).exception
    assert isinstance(failed, InputError) and "no model was asked" in str(failed)


def test_a_submission_that_is_not_acceptable_ends_with_status_1(data: Path) -> None:
    off, on = run_folder(data, "off", UNTOLD), run_folder(data, "on", GOLD, prompt=CONTEXT)
    (on / "submission.csv").write_text("ID,Findings,Impression\n", encoding="utf-8")
    assert compare(off, on).exit_code == 1
