"""Records and scores that somebody edited by hand: named, never a traceback, and the other runs are still read."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.inputs.run_folders import read_run, runs_under
from tasks.nouns import InputError
from tests.evaluation.leaderboard.folders import make_run


def edited(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), encoding="utf-8")


@pytest.mark.parametrize(
    "values", [{"edition": "abc"}, {"edition": -1}, {"task": "singing"}, {"task": 1}, {"data": []}, {"schema": 7}]
)
def test_a_record_edited_by_hand_is_refused_and_the_others_are_read(tmp_path: Path, values: dict[str, Any]) -> None:
    whole, spoilt = make_run(tmp_path, "whole"), make_run(tmp_path, "spoilt")
    edited(spoilt / "run.json", **values)
    with pytest.raises(InputError, match=r"run\.json"):
        read_run(spoilt)
    runs, unreadable = runs_under(tmp_path)
    assert [run.folder for run in runs] == [whole]
    assert list(unreadable) == [spoilt]


@pytest.mark.parametrize(
    "f1",
    [
        {"value": 0.5, "ci": [0.4], "role": "primary"},
        {"value": float("nan"), "ci": [0.4, 0.6], "role": "primary"},
        {"value": "high", "ci": [0.4, 0.6], "role": "primary"},
        {"value": 0.5, "ci": [0.4, 0.6]},
        0.5,
    ],
)
def test_scores_edited_by_hand_are_refused(tmp_path: Path, f1: Any) -> None:
    run = make_run(tmp_path, "base")
    edited(run / "scores.json", scores={"f1": f1})
    with pytest.raises(InputError, match=r"imageclef score .* --json"):
        read_run(run)


def test_a_count_that_is_no_number_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path, "base")
    edited(run / "scores.json", n="many")
    with pytest.raises(InputError, match="does not hold scores"):
        read_run(run)
