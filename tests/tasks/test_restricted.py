"""What was made from data under an agreement is refused by what makes things to hand on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from imageclef import cli
from tasks.nouns import InputError
from tasks.restricted import refuse_restricted, restriction_of

WHY = "some data, an agreement"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run.json").write_text(json.dumps({"data": {"restricted": WHY}}), encoding="utf-8")
    (tmp_path / "submission.csv").write_text("ID,Findings,Impression\ns1,Clear lungs.,Normal.\n", encoding="utf-8")
    return tmp_path


def test_the_mark_is_found_beside_a_file_and_in_a_folder(run: Path) -> None:
    assert restriction_of(run) == restriction_of(run / "submission.csv") == WHY


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
