"""A run folder with a data set, probabilities and references, made without any model."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.editions import load_edition
from tasks.nouns import Task
from tasks.probabilities import Probabilities, write_probabilities
from tasks.submission import write_submission

Cells = Mapping[str, Sequence[str]]


def ids_of(split: str, n: int) -> list[str]:
    return [f"ImageCLEFmedical_Caption_2026_{split}_{number}" for number in range(n)]


def write_rows(path: Path, *rows: Sequence[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def write_labels(path: Path, cells: Cells) -> Path:
    return write_rows(path, ("ID", "CUIs"), *((i, ";".join(cuis)) for i, cuis in cells.items()))


def make_data(folder: Path, labels: Cells, *, names: Mapping[str, str], articles: Mapping[str, str]) -> Path:
    """A data set in the layout of 2026; images are not needed here."""
    write_labels(folder / "concepts.csv", labels)
    write_rows(folder / "cui_mapping.csv", ("CUI", "Canonical name"), *names.items())
    write_rows(folder / "attribution.csv", ("ID", "pmcid"), *articles.items())
    return folder


def make_run(folder: Path, answers: Cells, *, data: Path, split: str, p: Probabilities | None = None) -> Path:
    """A finished run of a system that learned from the data set's training split."""
    edition = load_edition(2026, Task.CONCEPTS)
    write_submission(folder, edition=edition, rows=[(i, tuple(cuis)) for i, cuis in answers.items()])
    write_rows(folder / "predictions.csv", ("image_id", "prediction"), *((i, ";".join(c)) for i, c in answers.items()))
    if p is not None:
        write_probabilities(folder / f"probabilities.{split}.npz", p)
    record = {
        "task": "concept_detection",
        "edition": 2026,
        "finished": "2026-01-01T00:00:00Z",
        "data": {"path": str(data), "split": split},
        "config": {"learn.path": None, "learn.split": "train"},
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder
