"""`make reproduce RUN=name` and `make freeze RUN=name`: the run of that name, if there is one and no more."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[3] / "Makefile"
NAME = "it's a run"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a run of task 1 and an `imageclef` that prints its arguments, one a line."""
    (tmp_path / "submissions/concept_detection" / NAME).mkdir(parents=True)
    command = tmp_path / "venv/bin/imageclef"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", encoding="utf-8")
    command.chmod(0o755)
    (tmp_path / "venv/.ready").touch()
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    words = ("make", "-s", "-f", str(MAKEFILE), "-o", "venv/.ready", "VENV=venv", *words)
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("said", [NAME, f"submissions/concept_detection/{NAME}"])
def test_the_run_of_that_name_is_taken(folder: Path, said: str) -> None:
    done = make(folder, "reproduce", f"RUN={said}", "DATA=my data", "ARGS=--check-only")
    words = ["reproduce", f"submissions/concept_detection/{NAME}", "--data", "my data", "--check-only"]
    assert done.stdout.splitlines() == words, done.stderr


def test_a_name_of_two_runs_is_asked_about(folder: Path) -> None:
    (folder / "submissions/caption_prediction" / NAME).mkdir(parents=True)
    done = make(folder, "freeze", f"RUN={NAME}")
    assert done.returncode == 2 and not done.stdout
    assert f"caption_prediction/{NAME}" in done.stderr and f"concept_detection/{NAME}" in done.stderr


@pytest.mark.parametrize("words", [(), ("RUN=gone",), ("RUN=*",)])
def test_a_run_that_is_not_there_is_refused(folder: Path, words: tuple[str, ...]) -> None:
    done = make(folder, "freeze", *words)
    assert done.returncode == 2 and not done.stdout
    assert ("no run" if words else "RUN=name") in done.stderr


@pytest.mark.parametrize("target", ["compare", "paper", "gallery"])
def test_what_is_missing_is_told_as_it_is_to_be_written(folder: Path, target: str) -> None:
    done = make(folder, target)
    assert done.returncode == 2 and 'RUNS="A B"' in done.stderr
