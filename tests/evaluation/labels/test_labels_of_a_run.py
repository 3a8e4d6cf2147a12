"""A run folder of reports scored with the labeler itself: its labels, those it states, and those of its data set."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.commands import score
from evaluation.inputs.runs import references_of_run
from tasks.nouns import Prediction, Report
from tasks.reports.labels import LABELS

IDS = [f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(40)]
SICK = Report("There is a large left pleural effusion. The heart is enlarged.", "Pleural effusion with cardiomegaly.")
WELL = Report("The heart is normal in size. There is no pleural effusion.", "Normal chest.")


def write(path: Path, rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Half of the patients are sick; the run says so of the first quarter and states it as labels."""
    truths = {i: SICK if n < 20 else WELL for n, i in enumerate(IDS)}
    answers = {i: SICK if n < 10 else WELL for n, i in enumerate(IDS)}
    sick = {"Pleural Effusion": 1, "Cardiomegaly": 1}
    data, folder = tmp_path / "data", tmp_path / "run"
    header = ["ID", "Findings", "Impression"]
    write(data / "dev_report" / "reports.csv", [header, *([i, t.findings, t.impression] for i, t in truths.items())])
    cells = [[i, *(str(sick.get(name, "")) if truth is SICK else "" for name in LABELS)] for i, truth in truths.items()]
    write(data / "dev_report" / "labels.csv", [["ID", *LABELS], *cells])
    (data / "dev_report" / "images").mkdir()
    write(folder / "submission.csv", [header, *([i, a.findings, a.impression] for i, a in answers.items())])
    write(folder / "predictions.csv", [["image_id", "prediction"], *([i, a.findings] for i, a in answers.items())])
    lines = [
        Prediction(i, Report(answer.findings, answer.impression, sick if answer is SICK else {"No Finding": 1}))
        for i, answer in answers.items()
    ]
    journal = "".join(f"{json.dumps(line.to_json())}\n" for line in lines)
    (folder / "predictions.0.jsonl").write_text(journal, encoding="utf-8")
    record = {
        "task": "report_generation",
        "edition": 2026,
        "data": {"path": str(data), "split": "valid", "n": len(IDS)},
        "finished": "2026-05-01T00:00:00Z",
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_both_kinds_of_labels_of_a_run(run: Path) -> None:
    gold = references_of_run(run)
    assert gold is not None and gold.values[IDS[0]] != SICK  # it has labels, too
    result = CliRunner().invoke(score, [str(run), "--profile", "chexpert", "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    found = json.loads(result.stdout)
    values = {name: one["value"] for name, one in found["scores"].items()}
    assert values["stated_micro5_u0"] == values["chexpert_micro5_u0"] == pytest.approx(2 / 3)
    assert values["chexpert_macro5_u1"] == pytest.approx(2 / 3 * 2 / 5)
    effusion = found["per_label"]["chexpert"]["Pleural Effusion"]
    assert (effusion["support"], effusion["predicted"], effusion["precision"], effusion["recall"]) == (20, 10, 1, 0.5)
    assert found["per_label"]["stated"]["No Finding"]["predicted"] == 30
    assert "labeler:rules" in found["scores"]["chexpert_micro5_u0"]["signature"]


def test_a_section_of_a_run(run: Path) -> None:
    arguments = [str(run), "--profile", "chexpert", "--section", "impression", "--json"]
    found = json.loads(CliRunner().invoke(score, arguments).stdout)
    assert found["per_label"]["chexpert"]["Cardiomegaly"]["support"] == 20
    assert "|section:impression|labeler:" in found["scores"]["chexpert_micro14_u1"]["signature"]
