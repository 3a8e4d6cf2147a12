"""The curriculum: its rows and counts, who is left out, and that it is read back."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from imageclef import cli
from tasks.datasets import open_dataset
from tasks.datasets.curriculum import read_rows
from tasks.nouns import InputError, Report, Task

IDS = [f"Any_2026_{split}_{n}" for split in ("train", "valid") for n in range(6)]
LABELS = ("Edema", "Pneumonia")


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Twelve studies of nine patients: train 0 and valid 0 are of one, train 5 has no impression, half have context."""
    root = tmp_path / "reports"
    (root / "images").mkdir(parents=True)
    for image_id in IDS:
        Image.new("L", (8, 8)).save(root / "images" / f"{image_id}.jpg")
    patients = ["p0", "p1", "p1", "p2", "p3", "p4", "p0", "p5", "p6", "p6", "p7", "p8"]
    said = [("Clear.", f"Normal {n}.") for n in range(len(IDS))]
    said[5] = ("Clear.", "")
    _table(root / "reports.csv", ("ID", "Findings", "Impression"), [(i, *s) for i, s in zip(IDS, said, strict=True)])
    _table(root / "labels.csv", ("ID", *LABELS), [(i, "1", "-1") for i in IDS])
    ages = [(i, p, "63" if n % 2 else "", "J18.9") for n, (i, p) in enumerate(zip(IDS, patients, strict=True))]
    _table(root / "context.csv", ("ID", "subject_id", "age", "icd10"), ages)
    return root


def _table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _make(reports: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, ["data", "curriculum", str(reports), "--out", str(out), *more])


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_are_those_of_the_published_form(reports: Path, tmp_path: Path) -> None:
    done = _make(reports, tmp_path / "out")
    assert done.exit_code == 0, done.output
    rows = _lines(tmp_path / "out" / "curriculum_train.jsonl")
    assert [row["stage"] for row in rows] == ["A"] * 4 + ["B"] * 2
    assert rows[0] == {
        "image": f"../reports/images/{IDS[1]}.jpg",
        "prompt": "Image:<image>\nAnswer Impression & CheXpert.",
        "target": 'Impression: Normal 1.\nCheXpert: {"Edema": 1, "Pneumonia": -1}',
        "mode": "image_only",
        "stage": "A",
    }
    patient = rows[4]["prompt"]
    assert '"age": "63"' in patient and "J18" not in patient and "p1" not in patient
    assert patient.endswith("Image:<image>\nAnswer Impression, CheXpert & ICD.")


def test_no_patient_is_on_both_sides_and_what_is_left_out_is_told(reports: Path, tmp_path: Path) -> None:
    done = _make(reports, tmp_path / "out")
    assert "studies left out, their patient is in valid: 1" in done.output
    assert "studies left out, no impression: 1" in done.output
    told = json.loads((tmp_path / "out" / "curriculum.json").read_text(encoding="utf-8"))
    assert told["grouped_by"] == "subject_id"
    train = told["files"]["curriculum_train.jsonl"]
    assert (train["rows"], train["stages"], train["images"], train["patients"]) == (6, {"A": 4, "B": 2}, 4, 3)


def test_the_share_of_stage_a_is_reached_by_leaving_rows_out(reports: Path, tmp_path: Path) -> None:
    _make(reports, tmp_path / "out", "--image-share", "0.5")
    for name, n in (("train", 2), ("valid", 3)):
        stages = [row["stage"] for row in _lines(tmp_path / "out" / f"curriculum_{name}.jsonl")]
        assert stages == ["A"] * n + ["B"] * n


def test_studies_without_a_row_are_counted(reports: Path, tmp_path: Path) -> None:
    """Valid has three rows of stage B; of six of stage A, one is left at a fourth."""
    assert _make(reports, tmp_path / "out", "--image-share", "0.25").exit_code == 0
    told = json.loads((tmp_path / "out" / "curriculum.json").read_text(encoding="utf-8"))
    valid = told["files"]["curriculum_valid.jsonl"]
    rows = _lines(tmp_path / "out" / "curriculum_valid.jsonl")
    images = {row["image"] for row in rows}
    assert len(rows) == valid["rows"] == 4 and valid["images"] == len(images) < 6
    assert valid["dropped"]["for the image share"] == 6 - len(images)
    patients = dict(zip(IDS[6:], ["p0", "p5", "p6", "p6", "p7", "p8"], strict=True))
    assert valid["patients"] == len({patients[Path(image).stem] for image in images})


def test_what_cannot_be_made_replaces_nothing(reports: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _make(reports, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for more, said in (
        (("--train", "valid"), "no study that can be used .*studies left out, their patient is in valid: 6"),
        (("--train", "nothing"), "no examples of split 'nothing'"),
    ):
        failed = _make(reports, out, "--force", *more).exception
        assert isinstance(failed, InputError) and re.search(said, str(failed))
    (reports / "context.csv").unlink()
    failed = _make(reports, out, "--force", "--image-share", "0.5").exception
    assert isinstance(failed, InputError) and "leave out --image-share" in str(failed)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_data_itself_is_no_place_for_it(reports: Path) -> None:
    failed = _make(reports, reports / ".").exception
    assert isinstance(failed, InputError) and "is the data itself" in str(failed)
    assert not list(reports.glob("curriculum*"))


def test_patients_who_cannot_be_told_apart_are_refused(reports: Path, tmp_path: Path) -> None:
    (reports / "context.csv").unlink()
    (reports / "attribution.csv").write_text("ID,pmcid\na,1\na,2\n", encoding="utf-8")
    failed = _make(reports, tmp_path / "out").exception
    assert isinstance(failed, InputError) and "cannot be parted by patient" in str(failed)


def test_a_curriculum_is_a_data_set(reports: Path, tmp_path: Path) -> None:
    _make(reports, tmp_path / "out")
    data = open_dataset(tmp_path / "out")
    assert data.splits(Task.REPORTS) == ("train", "valid")
    first, *_ = data.examples(Task.REPORTS, "valid")
    assert (first.image_id, first.reference) == (IDS[6], Report("", "Normal 6.", {"Edema": 1, "Pneumonia": -1}))
    told = {e.image_id: e.context.get("age") for e in data.examples(Task.REPORTS, "valid")}
    assert told[IDS[6]] is None and told[IDS[7]] == "63"
    assert all(Path(str(e.image)).is_file() for e in data.examples(Task.REPORTS, "train"))


def test_an_existing_curriculum_is_not_replaced_unasked(reports: Path, tmp_path: Path) -> None:
    _make(reports, tmp_path / "out")
    assert isinstance(_make(reports, tmp_path / "out").exception, InputError)
    assert _make(reports, tmp_path / "out", "--force").exit_code == 0


def test_a_file_that_is_not_what_its_record_tells_is_refused(reports: Path, tmp_path: Path) -> None:
    _make(reports, tmp_path / "out")
    path = tmp_path / "out" / "curriculum_valid.jsonl"
    path.write_text(path.read_text(encoding="utf-8").partition("\n")[0], encoding="utf-8")
    with pytest.raises(InputError, match=r"curriculum\.json"):
        open_dataset(tmp_path / "out").examples(Task.REPORTS, "valid")


GOOD = {
    "image": "a.jpg",
    "prompt": "Image:<image>\nAnswer Impression & CheXpert.",
    "target": "Impression: Normal.",
    "mode": "image_only",
    "stage": "A",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": ""}, "no findings"),
        ({"mode": "image_ehr"}, "stage 'A'"),
        ({"stage": "C"}, "stage 'C'"),
        ({"prompt": "Answer."}, "no <image>"),
        ({"prompt": 'Patient Data:\n{"age": <image>'}, "patient data"),
        ({"image": None}, "no text in image"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(tmp_path: Path, change: dict[str, str | None], said: str) -> None:
    path = tmp_path / "curriculum_train.jsonl"
    path.write_text("\n".join([json.dumps(GOOD), "", json.dumps({**GOOD, **change})]), encoding="utf-8")
    with pytest.raises(InputError, match=f"curriculum_train.jsonl:3: .*{said}"):
        list(read_rows(path))


@pytest.mark.parametrize("order", [1, -1])
def test_the_target_of_stage_b_is_the_whole_answer(tmp_path: Path, order: int) -> None:
    told = {"prompt": 'Patient Data:\n{"age": "63"}\n\nImage:<image>', "mode": "image_ehr", "stage": "B"}
    rows = [GOOD, {**GOOD, **told, "target": "Impression: Normal.\nICD: I10"}][::order]
    (tmp_path / "curriculum_train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (example,) = open_dataset(tmp_path).examples(Task.REPORTS, "train")
    assert (example.reference, example.context) == (Report("", "Normal.", {}, ("I10",)), {"age": "63"})


@pytest.mark.parametrize("line", [b"\xff", b"[" * 100_000, b'"text"'])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "curriculum_train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n" + line)
    with pytest.raises(InputError, match=r"curriculum_train.jsonl:2: "):
        list(read_rows(path))


@pytest.mark.parametrize("record", ["[]", "{}", '{"data": [], "files": {}}', '{"data": {}, "files": {"x": 1}}', "\xff"])
def test_a_record_that_is_none_is_refused(tmp_path: Path, record: str) -> None:
    (tmp_path / "curriculum_train.jsonl").write_text(json.dumps(GOOD), encoding="utf-8")
    (tmp_path / "curriculum.json").write_text(record, encoding="latin-1")
    with pytest.raises(InputError, match="make the curriculum again"):
        open_dataset(tmp_path).examples(Task.REPORTS, "train")


def test_the_same_image_twice_in_a_stage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "curriculum_train.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r":2: image a stands in stage A already"):
        open_dataset(tmp_path).examples(Task.REPORTS, "train")


def test_images_in_a_table_cannot_be_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in ("train", "validation"):
        columns = {"uid": [f"{split}1"], "impression": ["Normal."], "image": [b"x"]}
        pq.write_table(pa.table(columns), tmp_path / f"{split}-00000-of-00001.parquet")
    failed = _make(tmp_path, tmp_path / "out").exception
    assert isinstance(failed, InputError) and "unpack the images" in str(failed)
