"""Small data sets in the layout of ImageCLEF 2026, and configs of trainings on them; their images need not open."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runners.training.config import TrainConfig
from tasks.nouns import Task

PROMPTS = {Task.CONCEPTS: "concepts", Task.CAPTIONS: "caption", Task.REPORTS: "report"}


def id_of(split: str, number: int) -> str:
    return f"ImageCLEFmedical_Caption_2026_{split}_{number}"


def write_table(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def make_captions(folder: Path, *, train: int, valid: int = 0) -> Path:
    """So many images a split, each with bytes and a caption of its own."""
    (folder / "images").mkdir(parents=True)
    ids = [id_of(split, n) for split, count in (("train", train), ("valid", valid)) for n in range(count)]
    for image_id in ids:
        (folder / "images" / f"{image_id}.png").write_bytes(f"picture of {image_id}".encode())
    write_table(folder / "captions.csv", [("ID", "Caption"), *((i, f"Caption of {i}.") for i in ids)])
    return folder


def make_concepts(folder: Path, references: Mapping[str, str], names: Mapping[str, str]) -> Path:
    """Images with these CUIs (`C1;C2`), and a vocabulary."""
    (folder / "images").mkdir(parents=True)
    for image_id in references:
        (folder / "images" / f"{image_id}.png").write_bytes(f"picture of {image_id}".encode())
    write_table(folder / "concepts.csv", [("ID", "CUIs"), *references.items()])
    write_table(folder / "cui_mapping.csv", [("CUI", "Canonical name"), *names.items()])
    return folder


def copy_image(folder: Path, source: str, target: str) -> None:
    """Gives the image `target` the bytes of `source`."""
    images = folder / "images"
    (images / f"{target}.png").write_bytes((images / f"{source}.png").read_bytes())


def config_of(task: Task, path: str | Path, *, keys: Mapping[str, Any] | None = None, **data: Any) -> TrainConfig:
    """A training on the data in `path`; `data` are further keys of its data section."""
    return TrainConfig.model_validate(
        {
            "task": task,
            "data": {"path": str(path), **data},
            "model": {"name": "sample"},
            "prompt": {"name": PROMPTS[task]},
            **(keys or {}),
        }
    )
