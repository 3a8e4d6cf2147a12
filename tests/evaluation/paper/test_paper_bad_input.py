"""What the verb `paper` refuses, and what it says instead of an image."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tasks.nouns import InputError
from tests.evaluation.paper.small_runs import CAPTIONS, IDS, make_data, make_run
from tests.evaluation.paper.written import captions, read, record, write


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"finished": None}, "is not finished: resume it first: imageclef run 'a_b 50%.yaml'"),
        ({"schema": 9}, "is of version 9"),
        ({"edition": 2025}, "a run of edition 2026"),
        ({"task": "concept_detection"}, "a run of task caption_prediction"),
    ],
)
def test_runs_that_cannot_be_in_one_paper(tmp_path: Path, data: Path, changes: dict[str, Any], says: str) -> None:
    base = make_run(tmp_path / "base", data, CAPTIONS)
    other = make_run(tmp_path / "other", data, CAPTIONS)
    record(other, **changes)
    with pytest.raises(InputError, match=re.escape(says)):
        write(tmp_path / "out", base, other)
    assert not (tmp_path / "out").exists()


def test_runs_of_other_images_are_refused_without_an_option_that_is_not_there(tmp_path: Path, data: Path) -> None:
    one, two = captions(tmp_path, data)
    for name in ("predictions.csv", "submission.csv"):
        lines = read(two, name).split(IDS[-1])[0]
        (two / name).write_text(lines, encoding="utf-8")
    with pytest.raises(InputError, match=f"{IDS[-1]} stands in .* alone") as caught:
        write(tmp_path / "out", one, two)
    assert "--intersection" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"sessions": 3},
        {"sessions": [{"seconds": "long"}]},
        {"timing": "x"},
        {"fingerprint": {}},
        {"config": []},
        {"check": "yes"},
        {"failures": ["a"]},
        {"adapters": [{}]},
        {"base": {}},
        {"model": None},
        {"system": "x"},
    ],
)
def test_a_record_that_somebody_changed_is_named(tmp_path: Path, data: Path, changes: dict[str, Any]) -> None:
    run = make_run(tmp_path / "a", data, CAPTIONS, **changes)
    with pytest.raises(InputError, match=r"a/run.json is not as this program writes it"):
        write(tmp_path / "out", run)
    assert not (tmp_path / "out").exists()


def test_other_bad_arguments(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a", data, CAPTIONS)
    with pytest.raises(InputError, match="not the folder of a run"):
        write(tmp_path / "out", run / "submission.csv")
    with pytest.raises(InputError, match="named twice"):
        write(tmp_path / "out", run, run)
    with pytest.raises(InputError, match="holds other files"):
        write(run, run)
    (run / "submission.csv").write_text("ID,Caption\n", encoding="utf-8")
    with pytest.raises(InputError, match="imageclef check says why"):
        write(tmp_path / "out", run)


def test_restricted_data_is_refused_unless_the_user_has_the_right(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a", data, CAPTIONS)
    record(run, data={**json.loads((run / "run.json").read_text())["data"], "restricted": "MIMIC-CXR"})
    with pytest.raises(InputError, match="forbids to pass it on"):
        write(tmp_path / "out", run)
    assert not (tmp_path / "out").exists()
    assert write(tmp_path / "out", run, more=("--i-have-the-right",)).exit_code == 0


def test_an_image_that_cannot_be_opened_is_said(tmp_path: Path, data: Path) -> None:
    worst = [*CAPTIONS[:-1], "nothing of the kind"]
    write(tmp_path / "out", make_run(tmp_path / "a", data, worst, failures=[]))
    assert "No image: the image is corrupt" in read(tmp_path / "out", "examples.tex")


def test_a_data_set_that_is_not_there(tmp_path: Path, data: Path) -> None:
    run = make_run(tmp_path / "a", data, CAPTIONS)
    record(run, data={**json.loads(read(run, "run.json"))["data"], "path": str(tmp_path / "away")})
    with pytest.raises(InputError, match="or put it, or a link to it, where it was") as caught:
        write(tmp_path / "out", run)
    assert "--references" not in str(caught.value)  # which is no option of this verb


def test_images_that_are_not_there_are_said_without_a_path(tmp_path: Path) -> None:
    data = make_data(tmp_path / "roco")
    for path in (data / "images").iterdir():
        path.unlink()
    write(tmp_path / "out", make_run(tmp_path / "a", data, CAPTIONS))
    shown = read(tmp_path / "out", "examples.tex").replace(r"\allowbreak{}", "")
    assert "No image: the image is missing}" in shown and str(tmp_path) not in shown
