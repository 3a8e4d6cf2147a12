"""Run folders as small as a leaderboard reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.evaluation.uploads.uploading import PRIMARY, score
from tests.evaluation.uploads.uploading import make_run as whole_run


def entry(value: float, role: str = "primary", *, half: float = 0.01, **more: Any) -> dict[str, Any]:
    """A score as scores.json has it, its interval `half` to both sides."""
    return {**score(value, role=role, half=half), **more}


def make_run(
    submissions: Path,
    name: str,
    *,
    task: str = "concept_detection",
    edition: int = 2026,
    split: str = "test",
    n: int = 15249,
    path: str = "data/official",
    image_id: str | None = None,
    finished: str | None = "2026-05-01T00:00:00+00:00",
    value: float | None = 0.5,
    scores: Mapping[str, Mapping[str, Any]] | None = None,
    unavailable: Mapping[str, str] | None = None,
    profile: str = "imageclef",
    with_reference: int | None = None,
) -> Path:
    """A finished run; without `value` and `scores` an unscored one."""
    data: dict[str, Any] = {"path": path, "split": split, "n": n}
    if with_reference is not None:
        data["with_reference"] = with_reference
    folder = whole_run(submissions, name, task=task, edition=edition, finished=finished, data=data)
    answered = image_id or f"ImageCLEFmedical_Caption_{edition}_{split}_0"
    (folder / "predictions.csv").write_text(f"image_id,prediction\n{answered},C0040405\n", encoding="utf-8")
    if scores is None and value is not None:
        scores = {PRIMARY[task]: entry(value)}
    if scores is not None:
        found = {"task": task, "edition": edition, "profile": profile, "n": n, "scores": scores}
        found |= {"unavailable": unavailable or {}, "warnings": []}
        (folder / "scores.json").write_text(json.dumps(found), encoding="utf-8")
    return folder
