"""Label scores of files and run folders through the verb `score`: the table, its JSON, sections, bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evaluation.commands import score
from evaluation.comparison.commands import compare
from evaluation.labels.conventions import PUBLISHED
from tasks.nouns import InputError, Prediction, Report
from tasks.reports.labels import LABELS
from tests.evaluation.labels import standin

IDS = [f"study_{n}" for n in range(120)]
SECTIONS = ["ID", "Findings", "Impression"]


@pytest.fixture(autouse=True)
def _labeler(monkeypatch: pytest.MonkeyPatch) -> None:
    standin.install(monkeypatch)


def write(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """References with CheXpert's labels beside them; every third has no impression."""
    rows = [[i, "Mild edema." if n % 2 else "No edema.", "" if n % 3 == 0 else "Fracture."] for n, i in enumerate(IDS)]
    cells = [[i, "s1", *("1.0" if n % 2 and name == "Edema" else "" for name in LABELS)] for n, i in enumerate(IDS)]
    write(tmp_path / "gold" / "labels.csv", ["ID", "study", *LABELS], cells)
    return write(tmp_path / "gold" / "reports.csv", SECTIONS, rows)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's table and journal: edema everywhere, stated for the first half; one image failed."""
    folder = tmp_path / "run"
    write(folder / "submission.csv", SECTIONS, [[i, "Edema.", "Fracture."] for i in IDS])
    stated = Report("Edema.\n", "Fracture.", {"Edema": 1}, ("I50.9",))
    lines = [Prediction(i, stated) if n < 60 else Prediction(i, None, "failed", "x") for n, i in enumerate(IDS)]
    early = Prediction(IDS[0], Report("Old.", "Old.", {"Fracture": 1}))
    text = "".join(json.dumps(line.to_json()) + "\n" for line in [early, *lines])
    (folder / "predictions.0.jsonl").write_text(text + '{"torn', encoding="utf-8")
    return folder


def run_score(*arguments: object) -> Result:
    return CliRunner().invoke(score, [*map(str, arguments), "--task", "3", "--resamples", "50"])


def scored(*arguments: object) -> dict[str, Any]:
    result = run_score(*arguments, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_one_table_holds_every_convention_and_the_published_names(run: Path, gold: Path) -> None:
    result = run_score(run / "submission.csv", "--references", gold, "--profile", "chexpert")
    assert result.exit_code == 0, (result.output, result.exception)
    lines = result.stdout.splitlines()
    rows = [line.split() for line in lines if line.split()[:1] in (["micro"], ["macro"], ["example"], ["weighted"])]
    assert len([row for row in rows if row[1] in {"14", "5"}]) == 16
    assert rows[0][:3] == ["micro", "14", ".737"]  # 2 * 140 / (140 + 240)
    for names in PUBLISHED.values():
        assert all(name in result.stdout for name, _ in names)
    assert "macro 14, uncertain = absent: R2Gen F1_MACRO; CvT2DistilGPT2 ce_f1_macro" in result.stdout
    assert "in place of our labeler's" in result.stdout
    assert "no positive on either side, 0 in macro 14" in result.stdout
    assert max(map(len, (line for line in lines if "14  " in line or "predicted" in line))) <= 80


def test_the_table_fits_a_terminal_when_all_is_right(gold: Path, tmp_path: Path) -> None:
    same = write(tmp_path / "same.csv", SECTIONS, list(csv.reader(gold.open(encoding="utf-8", newline="")))[1:])
    lines = run_score(same, "--references", gold, "--profile", "chexpert").stdout.splitlines()
    [row, *_] = [line for line in lines if line.strip().startswith("weighted 14")]
    assert row.count("1.00 (1.00 – 1.00)") == 3 and max(map(len, lines[:13])) <= 80


def test_the_json_has_the_scores_of_each_label(run: Path, gold: Path) -> None:
    found = scored(run / "submission.csv", "--references", gold, "--profile", "chexpert")
    assert len(found["scores"]) == 48
    assert found["scores"]["chexpert_micro14_u1"]["role"] == "primary"
    edema = found["per_label"]["chexpert"]["Edema"]
    assert edema == {"support": 60, "predicted": 120, "both": 60, "precision": 0.5, "recall": 1.0, "f1": 2 / 3}
    assert list(found["per_label"]["stated"]) == list(LABELS)
    assert "per_label" not in scored(run / "submission.csv", "--references", gold)


def test_the_journal_beside_a_table_brings_its_labels(run: Path, gold: Path) -> None:
    found = scored(run / "submission.csv", "--references", gold, "--profile", "chexpert")
    assert found["scores"]["stated_micro14_u0"]["value"] == pytest.approx(2 * 30 / (60 + 60))
    assert any("60 of 120 predictions have no labels where the reference has" in said for said in found["warnings"])
    assert "no reference has ICD codes" in found["unavailable"]["icd_exact_f1"]


def test_a_text_changed_since_gets_no_labels(run: Path, gold: Path) -> None:
    write(run / "submission.csv", SECTIONS, [[i, "Pneumonia.", "Fracture."] for i in IDS])
    found = scored(run / "submission.csv", "--references", gold, "--profile", "chexpert")
    assert "no prediction states labels" in found["unavailable"]["stated_micro14_u0"]


def test_a_lone_table_has_no_stated_labels(run: Path, gold: Path, tmp_path: Path) -> None:
    lone = tmp_path / "elsewhere.csv"
    lone.write_bytes((run / "submission.csv").read_bytes())
    result = run_score(lone, "--references", gold, "--profile", "chexpert")
    assert "stated_micro14_u0 and 23 others" in result.stdout
    assert "give the folder of the run" in " ".join(result.stdout.split())
    assert "\n stated" not in result.stdout


def test_a_damaged_journal_is_named(run: Path, gold: Path) -> None:
    journal = run / "predictions.0.jsonl"
    journal.write_text("{}\n" + journal.read_text(encoding="utf-8"), encoding="utf-8")
    result = run_score(run / "submission.csv", "--references", gold)
    assert isinstance(result.exception, InputError)
    assert "predictions.0.jsonl:1: not a prediction" in str(result.exception)


def test_columns_beside_labels_are_not_read_and_a_wrong_label_is_named(run: Path, gold: Path) -> None:
    table = gold.with_name("labels.csv")
    write(table, ["ID", "remark", "Edema"], [[IDS[0], "fine", "perhaps"]])
    result = run_score(run / "submission.csv", "--references", gold)
    assert isinstance(result.exception, InputError)
    assert "labels.csv: study_0, 'Edema': 'perhaps' is no label" in str(result.exception)
    write(table, ["ID", "remark"], [[IDS[0], "fine"]])
    found = scored(run / "submission.csv", "--references", gold, "--profile", "chexpert")
    assert "labels.csv" in found["unavailable"]["stated_micro14_u0"]


@pytest.mark.parametrize(("section", "n"), [("findings", 120), ("impression", 80), ("both", 120)])
def test_a_section_alone(section: str, n: int, run: Path, gold: Path) -> None:
    found = scored(run / "submission.csv", "--references", gold, "--section", section)
    assert found["n"] == n
    pinned = [f"|section:{section}|" in one["signature"] for one in found["scores"].values()]
    assert all(pinned) if section != "both" else not any(pinned)
    assert any("40 of 120 references have no impression" in said for said in found["warnings"]) == (n == 80)
    if section == "impression":
        assert found["scores"]["rougeL"]["value"] == 1


def test_sections_are_of_reports_and_must_be_there(run: Path, gold: Path, tmp_path: Path) -> None:
    captions = write(tmp_path / "captions.csv", ["ID", "Caption"], [[i, "CT"] for i in IDS])
    arguments = [str(captions), "--task", "2", "--references", str(captions), "--section", "findings"]
    assert "use it with task 3" in str(CliRunner().invoke(score, arguments).exception)
    write(gold, SECTIONS, [[i, "Clear.", ""] for i in IDS])
    result = run_score(run / "submission.csv", "--references", gold, "--section", "impression")
    assert isinstance(result.exception, InputError)
    assert "none of the 120 references has it" in str(result.exception)
    assert run_score(run / "submission.csv", "--references", gold, "--section", "history").exit_code == 2


def test_compare_takes_a_section_and_label_scores(run: Path, gold: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.csv", SECTIONS, [[i, "No edema.", "Fracture."] for i in IDS])
    arguments = [other, run / "submission.csv", "--task", "3", "--references", gold, "--trials", "99", "--json"]
    options = ["--profile", "chexpert", "--section", "findings", "--metrics", "chexpert_micro14_u0,stated_macro5_u0"]
    result = CliRunner().invoke(compare, [*map(str, arguments), *options])
    assert result.exit_code == 0, (result.output, result.exception)
    found = json.loads(result.stdout)
    [only] = found["comparisons"]
    assert (only["metric"], only["difference"]) == ("chexpert_micro14_u0", pytest.approx(2 / 3))
    assert any("stated_macro5_u0 is not compared" in said for said in found["warnings"])
