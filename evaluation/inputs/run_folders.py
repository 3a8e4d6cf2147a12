"""Runs as the pages and tables about them see them: the record, the scores, and all runs of a folder.

run = read_run(Path("submissions/concept_detection/base"))
run.name, run.split, run.primary      # ("base", "valid", ("f1", {"value": 0.51, "ci": [0.49, 0.53], ...}))
runs, unreadable = runs_under(Path("submissions"))
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from evaluation.inputs.runs import read_record
from tasks.nouns import InputError, Task


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run."""

    folder: Path
    record: Mapping[str, Any]
    """`run.json`."""
    scores: Mapping[str, Any] | None
    """`scores.json`; None where the run was not scored, as a run over a test set."""

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def task(self) -> Task:
        return Task.of(self.record["task"])

    @property
    def edition(self) -> int:
        return int(self.record["edition"])

    @property
    def split(self) -> str:
        return str(self.record["data"]["split"])

    @property
    def finished(self) -> str:
        """UTC, ISO 8601."""
        return str(self.record["finished"])

    @property
    def primary(self) -> tuple[str, Mapping[str, Any]] | None:
        """The name of the primary score, and its entry in `scores.json`; None where it has no value."""
        entries = self.scores["scores"] if self.scores else {}
        return next(((name, entry) for name, entry in entries.items() if entry["role"] == "primary"), None)


def read_run(folder: Path) -> Run:
    """The run in `folder`; InputError when it is none, is not finished, or another version wrote it."""
    path = folder / "scores.json"
    try:
        scores = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        whole = scores is None or _are_scores(scores)
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise InputError(f"{path} does not hold scores: write it again: imageclef score {folder} --json > {path}")
    return Run(folder, read_record(folder), scores)


def runs_under(submissions: Path) -> tuple[list[Run], dict[Path, str]]:
    """The finished runs in `<submissions>/<task>/<run>`, oldest first, and why the other folders cannot be read."""
    runs, unreadable = [], {}
    for path in sorted(submissions.glob("*/*/run.json")):
        try:
            runs.append(read_run(path.parent))
        except InputError as error:
            unreadable[path.parent] = str(error)
    return sorted(runs, key=lambda run: (run.finished, run.folder)), unreadable


def _are_scores(scores: Any) -> bool:
    """Whether the document has what is read of it here; raises what a wrong type raises."""
    entries = [(*entry["ci"], entry["value"], int(scores.get("n", 0))) for entry in scores["scores"].values()]
    roles = [isinstance(entry["role"], str) for entry in scores["scores"].values()]
    return all(roles) and all(len(numbers) == 4 and not isnan(sum(map(float, numbers))) for numbers in entries)
