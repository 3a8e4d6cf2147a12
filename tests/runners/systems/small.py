"""A small data set in the layout of ImageCLEF 2026 whose concepts can be seen, and configs of systems on it.

An image is one colour with noise; each concept is a channel that is bright. Captions and reports name the same.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

CONCEPTS = {"C0000001": "red", "C0000002": "green", "C0000003": "blue"}
SIZES = {"train": 48, "valid": 24, "test": 16}


def id_of(split: str, number: int) -> str:
    return f"ImageCLEFmedical_Caption_2026_{split}_{number}"


def make_data(folder: Path) -> Path:
    """Images, concepts.csv, captions.csv, names, and the article of each image (two of each in a row share one)."""
    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(5)
    concepts, captions, articles = [("ID", "CUIs")], [("ID", "Caption")], [("ID", "pmcid")]
    for split, size in SIZES.items():
        for number in range(size):
            image_id = id_of(split, number)
            bright = random.random(3) < 0.5
            bright[number % 3] = True
            pixels = np.where(bright, 220, 30) + random.integers(-25, 25, (32, 32, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"{image_id}.png")
            seen = [cui for cui, there in zip(CONCEPTS, bright, strict=True) if there]
            concepts.append((image_id, ";".join(seen)))
            captions.append((image_id, " and ".join(CONCEPTS[cui] for cui in seen) + f" picture {number % 2}"))
            articles.append((image_id, f"PMC{split}{number // 2}"))
    tables = {"concepts": concepts, "captions": captions, "attribution": articles}
    for name, rows in {**tables, "cui_mapping": [("CUI", "Canonical name"), *CONCEPTS.items()]}.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder


def write_config(path: Path, folder: Path, tower: Path | None, /, **keys: Any) -> Path:
    """A config for concepts; keys of the top level replace those here, None takes one out."""
    config: dict[str, Any] = {
        "task": "concept_detection",
        "data": {"path": str(folder), "split": "test"},
        "encoders": [{"name": str(tower)}] if tower else None,
        "decision": {"folds": 3},
        **keys,
    }
    with path.open("w", encoding="utf-8") as file:
        YAML().dump({key: value for key, value in config.items() if value is not None}, file)
    return path


def answers(folder: Path) -> dict[str, tuple[str, ...]]:
    """What a run submitted."""
    with (folder / "submission.csv").open(encoding="utf-8", newline="") as file:
        return {row[0]: tuple(row[1].split(";")) for row in list(csv.reader(file))[1:]}


def truth(data: Path, split: str, table: str = "concepts") -> dict[str, tuple[str, ...]]:
    """What is true of the images of a split."""
    with (data / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return {row[0]: tuple(row[1].split(";")) for row in list(csv.reader(file))[1:] if f"_{split}_" in row[0]}
