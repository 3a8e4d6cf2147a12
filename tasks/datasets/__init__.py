"""Data sets as they lie on disk, whatever their layout; images are read when they are asked for.

For example:

    data = open_dataset("../data/rocov2")
    data.splits(Task.CAPTIONS)                     # ("train", "valid", "test")
    data.examples(Task.CAPTIONS, "valid")[0]       # Example("ROCOv2_2023_valid_000001", Path(...), "valid", "...")
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tasks.datasets import by_split, curriculum, hub, indiana, mimic, plain, r2gen, release_2026, rexrank
from tasks.datasets.dataset import DataSet
from tasks.nouns import InputError

__all__ = ["DataSet", "open_dataset"]

LAYOUTS: tuple[Callable[[Path], DataSet | None], ...] = (
    curriculum.read,
    mimic.read,
    indiana.read,
    r2gen.read,
    by_split.read,
    release_2026.read,
    hub.read,
    rexrank.read,
    plain.read,
)
"""Tried in this order: the most telling names first, a mere folder of images last."""

SAMPLE = Path("data/sample")


def open_dataset(path: str | Path) -> DataSet:
    """The data set in the folder `path`; `sample` is the embedded one, made in data/sample when missing."""
    if str(path) == "sample":
        from tasks.sample import ensure_sample

        path = ensure_sample(SAMPLE)
    root = Path(path)
    if not root.is_dir():
        reason = "is a file, not a folder" if root.exists() else "does not exist"
        raise InputError(f"data set {root} {reason}: give the folder of a data set, or 'sample'")
    for read in LAYOUTS:
        found = read(root)
        if found:
            return found
    raise InputError(
        f"{root} holds no data set that is known here: neither label tables (captions.csv, train_captions.csv, "
        "indiana_reports.csv, annotation.json, ...), nor parquet or arrow files, nor images"
    )
