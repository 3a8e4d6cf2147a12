"""`imageclef concepts report` on run folders and files: tables, figures, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import imageclef
from evaluation.commands import score
from evaluation.concepts.figures import FIGURES
from evaluation.concepts.report import TABLES
from tasks.nouns import InputError
from tasks.probabilities import Probabilities
from tests.evaluation.concepts.small import ids_of, make_data, make_run, write_labels

CT, XRAY, CHEST, SPINE, RARE = "C0040405", "C1306645", "C0817096", "C0037949", "C0000001"
NAMES = {CT: "X-Ray Computed Tomography", XRAY: "Plain x-ray", CHEST: "Chest", SPINE: "Spine", RARE: "Rare, thing"}
TRAIN, VALID = ids_of("train", 6), ids_of("valid", 4)
LEARNED = [[CT, CHEST], [CT, CHEST], [XRAY, CHEST], [XRAY, SPINE], [CT], [CHEST]]
TRUTHS = [[CT, CHEST], [XRAY, CHEST], [XRAY, SPINE], [CT, RARE]]
OURS = [[CT, CHEST], [XRAY, CHEST], [CT, CHEST], [CT]]
BEFORE = [[CT], [CT, CHEST], [XRAY], [CT]]
CUIS = tuple(sorted((CT, XRAY, CHEST, SPINE)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    labels = dict(zip([*TRAIN, *VALID], [*LEARNED, *TRUTHS], strict=True))
    articles = {image_id: f"PMC{n // 2}" for n, image_id in enumerate(labels)}
    return make_data(tmp_path / "data", labels, names=NAMES, articles=articles)


@pytest.fixture
def run(tmp_path: Path, data: Path) -> Path:
    table = np.array([[0.9 if cui in cell else 0.1 for cui in CUIS] for cell in OURS])
    p = Probabilities(tuple(VALID), CUIS, table)
    return make_run(tmp_path / "run", dict(zip(VALID, OURS, strict=True)), data=data, split="valid", p=p)


@pytest.fixture
def before(tmp_path: Path, data: Path) -> Path:
    return make_run(tmp_path / "before", dict(zip(VALID, BEFORE, strict=True)), data=data, split="valid")


def report(*arguments: object) -> Result:
    words = ["concepts", "report", *map(str, arguments)]
    return CliRunner().invoke(imageclef.cli, words, env={"COLUMNS": "100"})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_gets_all_tables_and_figures(run: Path, before: Path) -> None:
    result = report(run, "--against", before)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (run / "report").iterdir()) == sorted([*TABLES, *FIGURES])
    for name in FIGURES:
        with Image.open(run / "report" / name) as picture:
            assert picture.width >= 600 and len(picture.convert("L").getcolors() or []) > 2
    for word in (
        "ranking oracle",
        "by article",
        "against before",
        "expected calibration error",
        "6 images of train of",
    ):
        assert word in result.output


def test_the_f1_is_that_of_score_to_the_last_digit(run: Path) -> None:
    assert report(run).exit_code == 0
    scored = json.loads(CliRunner().invoke(score, [str(run), "--json"]).stdout)["scores"]["f1"]
    own = next(row for row in rows(run / "report" / "limits.csv") if row["answers"] == "submission")
    assert (float(own["f1"]), float(own["low"]), float(own["high"])) == (scored["value"], *scored["ci"])


def test_the_table_of_concepts(run: Path, before: Path) -> None:
    report(run, "--against", before)
    found = {row["cui"]: row for row in rows(run / "report" / "per_concept.csv")}
    assert list(found) == [CT, CHEST, XRAY, RARE, SPINE]
    assert found[CT] == {
        "cui": CT,
        "name": NAMES[CT],
        "band": "torso",
        "support": "3",
        "true": "2",
        "predicted": "3",
        "both": "2",
        "precision": repr(2 / 3),
        "recall": "1.0",
        "f1": "0.8",
        "f1_before": "0.8",
        "gain": "0.0",
        "won": "1",
        "lost": "1",
    }
    rare = found[RARE]
    assert (rare["band"], rare["support"], rare["precision"], rare["gain"]) == ("unseen", "0", "", "0.0")
    assert [found[cui]["band"] for cui in (CHEST, XRAY, SPINE)] == ["head", "tail", "tail"]


def test_groups_confusion_and_secondary_concepts(run: Path) -> None:
    report(run)
    groups = {(row["by"], row["group"]): (row["n"], float(row["f1"])) for row in rows(run / "report" / "groups.csv")}
    assert groups["modality", "CT"] == ("2", (1 + 2 / 3) / 2)
    assert groups["modality", "X-ray"] == ("2", 0.5)
    assert groups["region", "none"] == ("1", 2 / 3)
    confusion = {row["true"]: row for row in rows(run / "report" / "modalities.csv")}
    assert confusion == {
        "CT": {"true": "CT", "CT": "2", "X-ray": "0"},
        "X-ray": {"true": "X-ray", "CT": "1", "X-ray": "1"},
    }
    secondary = {row["name"]: row for row in rows(run / "report" / "secondary.csv")}
    assert len(secondary) == 15
    counts = {
        name: [int(secondary[name][key]) for key in ("both", "missed", "invented", "neither")] for name in secondary
    }
    assert (counts["CT"], counts["spine"], counts["MRI"]) == ([2, 0, 1, 1], [0, 1, 0, 3], [0, 0, 0, 4])


def test_the_same_bytes_again_and_nothing_of_an_earlier_report_stays(run: Path, before: Path) -> None:
    report(run, "--against", before)
    first = {name: (run / "report" / name).read_bytes() for name in TABLES}
    assert report(run, "--against", before).exit_code == 0
    assert {name: (run / "report" / name).read_bytes() for name in TABLES} == first
    (run / "probabilities.valid.npz").unlink()
    (run / "report" / "notes.txt").write_text("mine", encoding="utf-8")
    result = report(run)
    assert result.exit_code == 0
    assert "no calibration and threshold curve: the run has no probabilities.valid.npz" in result.output
    left = {path.name for path in (run / "report").iterdir()}
    gone = {"gains.png", "calibration.png", "thresholds.png", "calibration.csv", "thresholds.csv", "probabilities.csv"}
    assert left == ({*TABLES, *FIGURES} - gone) | {"notes.txt"}


def test_a_file_of_anyone(run: Path, data: Path, tmp_path: Path) -> None:
    labels, out = data / "concepts.csv", tmp_path / "out"
    result = report(run / "submission.zip", "--references", labels, "--train", labels, "--out", out)
    assert result.exit_code == 0, result.output
    assert report(run).exit_code == 0
    for name in ("constants.csv", "modalities.csv", "secondary.csv"):
        assert (out / name).read_text() == (run / "report" / name).read_text()
    assert "a file has no probabilities" in result.output
    bare = report(run / "submission.csv", "--references", labels, "--out", tmp_path / "bare")
    assert bare.exit_code == 0 and "add --train FILE" in bare.output
    assert not (tmp_path / "bare" / "bands.csv").exists()
    assert rows(tmp_path / "bare" / "per_concept.csv")[0]["support"] == ""


def test_an_image_without_probabilities_is_all_zero(run: Path, data: Path) -> None:
    p = Probabilities(tuple(VALID[1:]), CUIS, np.full((3, 4), 0.5))
    make_run(run, dict(zip(VALID, OURS, strict=True)), data=data, split="valid", p=p)
    assert report(run).exit_code == 0
    cells = [int(row["cells"]) for row in rows(run / "report" / "calibration.csv")]
    assert cells == [4, 0, 0, 0, 0, 12, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gone",), "does not exist"),
        (("run/submission.csv", "--references", "data/concepts.csv"), "add --out FOLDER"),
        (("run/submission.csv", "--out", "new"), "add --references FILE"),
        (("run", "--out", "data"), "holds other files"),
        (("run", "--out", "run/run.json"), "is a file"),
        (("run", "--train", "valid.csv"), "holds 4 of the images to score"),
        (("run", "--against", "data"), "holds no run.json"),
    ],
)
def test_what_cannot_be_used_is_said(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    write_labels(tmp_path / "valid.csv", dict(zip(VALID, TRUTHS, strict=True)))
    monkeypatch.chdir(tmp_path)
    result = report(*arguments)
    assert isinstance(result.exception, InputError) and message in str(result.exception)
    assert not (tmp_path / "new").exists() and not (run / "report").exists()


def test_runs_that_have_no_references_or_answer_captions(run: Path, data: Path) -> None:
    write_labels(data / "concepts.csv", dict(zip(TRAIN, LEARNED, strict=True)) | {i: [] for i in VALID})
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"data": {**record["data"], "with_reference": 0}}))
    assert "no references for its images: add --references" in str(report(run).exception)
    (run / "run.json").write_text(json.dumps(record | {"task": "caption_prediction"}))
    assert isinstance(report(run, "--references", data / "concepts.csv").exception, InputError)


def test_probabilities_of_other_images_are_refused(run: Path, data: Path) -> None:
    p = Probabilities(tuple(TRAIN), CUIS, np.zeros((6, 4)))
    make_run(run, dict(zip(VALID, OURS, strict=True)), data=data, split="valid", p=p)
    assert "holds none of the images to score" in str(report(run).exception)


def test_a_refused_submission_has_status_1_and_no_report(run: Path) -> None:
    (run / "submission.csv").write_text(f"ID,CUIs\n{VALID[0]},{CT}\n", encoding="utf-8")
    result = report(run)
    assert result.exit_code == 1 and "would not be accepted" in result.output
    assert not (run / "report").exists()


def test_tables_can_be_read_by_pandas(run: Path) -> None:
    import pandas as pd

    report(run)
    bands = pd.read_csv(io.StringIO((run / "report" / "bands.csv").read_text()))
    concepts = pd.read_csv(run / "report" / "per_concept.csv")
    assert bands["true"].sum() == concepts["true"].sum() == sum(map(len, TRUTHS))
    assert bands["predicted"].sum() == concepts["predicted"].sum() == sum(map(len, OURS))
