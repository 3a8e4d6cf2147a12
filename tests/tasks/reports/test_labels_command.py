"""The verb `reports labels`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tasks.datasets.table import read_table
from tasks.nouns import InputError
from tasks.reports.commands import labels
from tasks.reports.labels import LABELS, label_table
from tasks.sample.release import write_release

TABLE = "ID,Findings,Impression\nb,No effusion.,\na,Edema may be present.,Cardiomegaly.\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(labels, [str(argument) for argument in arguments])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "submission.csv"
    path.parent.mkdir()
    path.write_text(TABLE, encoding="utf-8")
    return path


def read_labels(text: str) -> dict[str, dict[str, str]]:
    """Image id -> label -> field, of those that are not empty."""
    head, *rows = [line.split(",") for line in text.splitlines()]
    assert head == ["ID", *LABELS]
    return {row[0]: {name: v for name, v in zip(LABELS, row[1:], strict=True) if v} for row in rows}


def test_a_file_and_the_folder_of_its_run(table: Path) -> None:
    wanted = {"b": {"No Finding": "1", "Pleural Effusion": "0"}, "a": {"Cardiomegaly": "1", "Edema": "-1"}}
    for source in (table, table.parent):
        result = run(source)
        assert result.exit_code == 0
        assert read_labels(result.stdout) == wanted
        assert list(read_labels(result.stdout)) == ["b", "a"]
        assert "2 reports labelled" in result.stderr


def test_the_data_set_reads_back_what_is_written(tmp_path: Path) -> None:
    from tasks.datasets import open_dataset
    from tasks.nouns import Report, Task
    from tasks.reports.labeler import label_report

    write_release(tmp_path / "data", {"valid": 6})
    folder = tmp_path / "data" / "dev_report"
    written = folder / "labels.csv"
    written.unlink()
    assert run(tmp_path / "data", "--split", "valid", "--out", written).exit_code == 0
    examples = open_dataset(tmp_path / "data").examples(Task.REPORTS, "valid")
    assert list(read_table(written).rows) == [example.image_id for example in examples]
    for example in examples:
        assert isinstance(example.reference, Report)
        assert example.reference.labels == label_report(example.reference)


def test_what_is_there_stays(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.csv"
    out.write_text("mine", encoding="utf-8")
    for arguments, reason in (
        ((table, "--out", out), "exists"),
        ((table, "--out", table, "--force"), "is part of what is read"),
        ((table.parent, "--out", table, "--force"), "is part of what is read"),
        ((table, "--out", tmp_path), "is a folder"),
    ):
        result = run(*arguments)
        assert isinstance(result.exception, InputError)
        assert reason in str(result.exception)
    assert out.read_text(encoding="utf-8") == "mine"
    assert table.read_text(encoding="utf-8") == TABLE
    assert run(table, "--out", out, "--force").exit_code == 0
    assert set(read_labels(out.read_text(encoding="utf-8"))) == {"a", "b"}


def test_bad_input_says_the_mend(table: Path, tmp_path: Path) -> None:
    captions = tmp_path / "captions.csv"
    captions.write_text("ID,Caption\na,A scan.\n", encoding="utf-8")
    write_release(tmp_path / "data", {"valid": 9, "test": 9})
    for arguments, reason in (
        ((tmp_path / "nothing.csv",), "cannot be read"),
        ((tmp_path / "data",), "with --split"),
        ((tmp_path / "data", "--split", "later"), "choose one of"),
        ((tmp_path / "nowhere", "--split", "test"), "does not exist"),
        ((captions,), "caption_prediction"),
    ):
        result = run(*arguments)
        assert isinstance(result.exception, InputError), reason
        assert reason in str(result.exception)


def test_labels_of_restricted_reports_need_the_right(table: Path) -> None:
    record = {"data": {"restricted": "a data set under an agreement"}}
    (table.parent / "run.json").write_text(json.dumps(record), encoding="utf-8")
    refused = run(table)
    assert isinstance(refused.exception, InputError)
    assert "--i-have-the-right" in str(refused.exception)
    assert run(table, "--i-have-the-right").exit_code == 0


def test_a_table_has_every_label_and_empty_fields() -> None:
    rows = read_labels(label_table({"odd id": {"Edema": -1, "Hernia": 1, "Fracture": None}}))
    assert rows == {"odd id": {"Edema": "-1"}}
