"""What was made from data under an agreement is refused by what makes things to hand on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from imageclef import cli
from tasks.datasets import open_dataset
from tasks.nouns import InputError
from tasks.restricted import refuse_restricted, restriction_of
from tests.tasks.mimic.making import Study, make_cxr

WHY = "some data, an agreement"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run.json").write_text(json.dumps({"data": {"restricted": WHY}}), encoding="utf-8")
    (tmp_path / "submission.csv").write_text("ID,Findings,Impression\ns1,Clear lungs.,Normal.\n", encoding="utf-8")
    return tmp_path


def test_the_mark_is_found_beside_a_file_and_in_a_folder(run: Path) -> None:
    assert restriction_of(run) == restriction_of(run / "submission.csv") == WHY


def test_a_link_elsewhere_keeps_the_mark(run: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("other") / "mine.csv"
    link.symlink_to(run / "submission.csv")
    assert restriction_of(link) == WHY


@pytest.mark.parametrize("record", ["", "{", "[]", '{"data": {}}', '{"data": {"restricted": ""}}', '{"data": null}'])
def test_without_a_mark_nothing_is_refused(run: Path, record: str) -> None:
    (run / "run.json").write_text(record, encoding="utf-8")
    refuse_restricted([run], allowed=False)


def test_only_the_user_can_allow_it(run: Path) -> None:
    with pytest.raises(InputError, match=r"an agreement.*--i-have-the-right"):
        refuse_restricted([run], allowed=False)
    refuse_restricted([run], allowed=True)


def test_convert_refuses_and_writes_nothing(run: Path, tmp_path: Path) -> None:
    asked = ["convert", str(run), "--task", "3", "--to", "rexrank", "--out", str(tmp_path / "out.json")]
    done = CliRunner().invoke(cli, asked)
    assert isinstance(done.exception, InputError) and not (tmp_path / "out.json").exists()
    done = CliRunner().invoke(cli, [*asked, "--i-have-the-right"])
    assert done.exit_code == 0 and (tmp_path / "out.json").exists(), done.output


def test_labels_of_restricted_reports_are_refused(run: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = make_cxr(tmp_path_factory.mktemp("data"), [Study(10000001, 50000001, "2150-03-01 10:00:00")])
    for asked in ((str(run),), (str(run / "submission.csv"),), (str(data), "--split", "train")):
        done = CliRunner().invoke(cli, ["reports", "labels", *asked])
        assert isinstance(done.exception, InputError) and "--i-have-the-right" in str(done.exception)
        assert "ID,No Finding" not in done.output
        assert CliRunner().invoke(cli, ["reports", "labels", *asked, "--i-have-the-right"]).exit_code == 0


def test_a_curriculum_of_restricted_data_is_restricted(tmp_path: Path) -> None:
    kinds = [
        Study(10000001 + n, 50000001 + n, "2150-03-01 10:00:00", split=s) for n, s in enumerate(("train", "valid"))
    ]
    made = CliRunner().invoke(
        cli, ["data", "curriculum", str(make_cxr(tmp_path / "data", kinds)), "--out", str(tmp_path / "out")]
    )
    assert made.exit_code == 0, made.output
    assert "do not pass it on" in " ".join(made.output.split())
    assert restriction_of(tmp_path / "out" / "curriculum_train.jsonl").startswith("MIMIC-CXR")
    assert open_dataset(tmp_path / "out").restricted.startswith("MIMIC-CXR")
