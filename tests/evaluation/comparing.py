"""Submissions, run folders and data sets to compare, and the verb `compare` on them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from evaluation.comparison.commands import compare

N = 120
IDS = [f"ImageCLEFmedical_Caption_2026_valid_{i}" for i in range(N)]
CUIS = ["C0040405", "C0024485;C0817096", "C1306645;C0817096;C0000726"]


def write(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def submission(path: Path, *cuis: str, ids: list[str] = IDS) -> Path:
    """A submission whose n-th image has the n-th of `cuis`, over and over."""
    return write(path, ["ID", "CUIs"], [[i, cuis[n % len(cuis)]] for n, i in enumerate(ids)])


def run_compare(*arguments: object) -> Result:
    return CliRunner().invoke(compare, [str(argument) for argument in arguments])


def compared(*arguments: object) -> dict[str, Any]:
    result = run_compare(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def make_run(
    folder: Path, data: Path, *cuis: str, n: int = N, with_reference: int | None = None, **record: Any
) -> Path:
    """A finished run over the first `n` images; `record` changes its record."""
    ids = IDS[:n]
    submission(folder / "submission.csv", *cuis, ids=ids)
    write(folder / "predictions.csv", ["image_id", "prediction"], [[i, ""] for i in ids])
    of_run = {
        "task": "concept_detection",
        "edition": 2026,
        "data": {"path": str(data), "split": "valid", "n": n, "with_reference": with_reference},
        "failures": [],
        "finished": "2026-05-01T00:00:00Z",
    }
    (folder / "run.json").write_text(json.dumps({**of_run, **record}), encoding="utf-8")
    return folder


def make_data(root: Path, *cuis: str) -> Path:
    """A data set in the layout of the 2026 release, without its images."""
    (root / "images").mkdir(parents=True)
    submission(root / "concepts.csv", *cuis)
    write(root / "test_ids.csv", ["ID", "CUIs"], [[i.replace("valid", "test"), ""] for i in IDS[:5]])
    return root
