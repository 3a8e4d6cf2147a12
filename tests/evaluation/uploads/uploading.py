"""Run folders as small as the ledger of uploads and the page of all runs read them, and the two verbs."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from evaluation.uploads.commands import list_uploads
from evaluation.uploads.commands import upload as upload_command

PRIMARY = {"concept_detection": "f1", "caption_prediction": "relevance", "report_generation": "rougeL"}


def score(value: float, *, role: str = "primary", half: float = 0.02, surrogate: bool = False) -> dict[str, Any]:
    """A score as scores.json has it, its interval `half` to both sides."""
    ci = [value - half, value + half]
    return {"value": value, "ci": ci, "signature": "s|refs:1", "role": role, "surrogate": surrogate}


def make_run(
    submissions: Path,
    name: str,
    *,
    task: str = "concept_detection",
    edition: int = 2026,
    split: str = "test",
    finished: str | None = "2026-05-01T10:00:00+00:00",
    scores: Mapping[str, Mapping[str, Any]] | float | None = None,
    inputs: Mapping[str, Any] | None = None,
    accepted: bool = True,
    restricted: str = "",
    table: str = "ID,CUIs\nimage_0,C0040405\n",
    **more: Any,
) -> Path:
    """A run with its submission; `inputs` are further ones of its config and fingerprint."""
    folder = submissions / task / name
    folder.mkdir(parents=True)
    (folder / "submission.csv").write_text(table, encoding="utf-8")
    (folder / "submission.zip").write_bytes(zipped(table))
    settings = {"data.split": split, "seed": 42, "generation.num_beams": 1, **(inputs or {})}
    record = {
        "schema": 1,
        "task": task,
        "edition": edition,
        "config": {"data.path": "data/official", **settings},
        "fingerprint": {"sha256": "0", "inputs": {**settings, "images": f"the ids of {split}"}},
        "base": {"name": "models/small"},
        "data": {"path": "data/official", "split": split, "n": 400, "restricted": restricted},
        "sessions": [
            {"command": ["imageclef", "run", f"{name}.yaml"], "seconds": 71.2, "hardware": {"cpu": "CPU", "cores": 2}}
        ],
        "finished": finished,
        "counts": {"ok": 400, "failed": 0},
        "submission": {"file": "submission.csv", "sha256": hashlib.sha256(table.encode()).hexdigest()},
        "check": {"accepted": accepted, "warnings": {}},
        **more,
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    if scores is not None:
        found = {PRIMARY[task]: score(scores)} if isinstance(scores, float) else scores
        (folder / "scores.json").write_text(json.dumps({"n": 400, "scores": found}), encoding="utf-8")
    return folder


def zipped(table: str) -> bytes:
    """The zip to upload."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("submission.csv", table)
    return buffer.getvalue()


def upload(run: Path, *options: str) -> str:
    """Note the upload for the team `us`; what is printed."""
    found = CliRunner().invoke(upload_command, [str(run), "--team", "us", *options], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def listed(submissions: Path, *options: str) -> str:
    """What `submissions list` prints."""
    arguments = ["--submissions", str(submissions), *options]
    found = CliRunner().invoke(list_uploads, arguments, catch_exceptions=False, env={"COLUMNS": "200"})
    assert found.exit_code == 0, found.output
    return found.output
