"""Releases with one table for each split: ImageCLEF 2022 to 2025, and ROCOv2 from its Zenodo record.

    2025     development_concept_detection/{train,valid}_concepts.csv
             development_caption_prediction/{train,valid}_captions.csv, cui_names.csv
    ROCOv2   {train,valid,test}_{captions,concepts,concepts_manual}.csv, cui_mapping.csv, license_information.csv
    2023/24  ImageCLEFmedical_Caption_2023_{caption_prediction,concept_detection}_{train,valid}_labels.csv
    2022     {caption_prediction,concept_detection}_{train,valid}.csv, concepts.csv (CUIs and their names)

Images are looked for where the archives and participants' copies put them: `train_images/train/`,
`train_images/`, `images/train/`, `train/`, `images/`, beside the tables or one folder above. File
names and headers are those of public copies of the releases and of the record 10821435.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tasks.datasets.dataset import ALIASES, DataSet, Part, part
from tasks.datasets.folder import ImageFolder, first_with_images
from tasks.datasets.release_2026 import vocabularies
from tasks.datasets.rows import labelled, unlabelled
from tasks.datasets.table import find, read_rows
from tasks.nouns import Task

SPLIT = "(?P<split>train|valid|validation|val|test)"
NAMES = (
    (
        "per-split tables (ImageCLEF 2025, ROCOv2)",
        re.compile(rf"{SPLIT}_(?P<what>caption|concept)s(?P<manual>_manual)?\.csv"),
    ),
    (
        "label files (ImageCLEF 2022 to 2024)",
        re.compile(
            rf".*(?P<what>caption|concept)_(prediction|detection)_{SPLIT}(_labels)?(?P<manual>_manual)?\.[ct]sv"
        ),
    ),
)
TASKS = {"concept": Task.CONCEPTS, "caption": Task.CAPTIONS}
FOLDERS = (".", "development_concept_detection", "development_caption_prediction")


def read(root: Path) -> DataSet | None:
    """The data set in `root`; None when no table has such a name."""
    for layout, pattern in NAMES:
        tables = [
            (path, match)
            for name in FOLDERS
            for path in sorted((root / name).glob("*.[ct]sv"))
            if (match := pattern.fullmatch(path.name))
        ]
        if tables:
            return _data_set(root, layout, tables)
    return None


def _data_set(root: Path, layout: str, tables: list[tuple[Path, re.Match[str]]]) -> DataSet:
    parts: list[Part] = []
    manual: list[Part] = []
    folders: dict[tuple[Path, str], ImageFolder] = {}
    for path, match in tables:
        split = ALIASES.get(match["split"], match["split"])
        images = folders.setdefault((path.parent, split), _images(path.parent, root, match["split"]))
        task = TASKS[match["what"]]
        rows = part(task, partial(labelled, task, path, images, split), split)
        (manual if match["manual"] else parts).append(rows)
    return DataSet(
        root,
        layout,
        (*parts, *_test_parts(root, parts)),
        manual=tuple(manual),
        label_files=tuple(path for path, _ in tables),
        vocabulary_files=(*vocabularies(root, *(path.parent for path, _ in tables)), *_names_of_2022(root)),
        folders=tuple({images.folder: images for images in folders.values()}.values()),
    )


def _names_of_2022(root: Path) -> Iterator[Path]:
    """`concepts.csv` where it is the table of names; in other years it holds the labels."""
    path = root / "concepts.csv"
    if path.is_file() and find(tuple(next(read_rows(path))[1]), "conceptname") is not None:
        yield path


def _images(beside: Path, root: Path, split: str) -> ImageFolder:
    own = [folder for base in dict.fromkeys((beside, root)) for folder in _own_folders(base, split)]
    return first_with_images(*own, beside / "images", root / "images")


def _own_folders(base: Path, split: str) -> Iterator[Path]:
    """Where the images of one split alone may lie."""
    for archive in sorted(base.glob(f"*{split}_images")):
        yield archive / split
        yield archive
    yield base / "images" / split
    yield base / split


def _test_parts(root: Path, labelled_parts: list[Part]) -> Iterator[Part]:
    """The test images of a release that keeps its test labels back."""
    images = first_with_images(*_own_folders(root, "test"))
    if images.files and not any(p.split == "test" for p in labelled_parts):
        for task in TASKS.values():
            yield part(task, lambda: unlabelled(images.ids(), images, "test"), "test")
