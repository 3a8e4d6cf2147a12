"""Chest X-ray reports in the form of R2Gen (Chen et al., EMNLP 2020; cuhksz-nlp/R2Gen), with its official split.

    annotation.json    {"train": [{"id": "CXR1_1_IM-0001", "report": "The heart is ...",
                                   "image_path": ["CXR1_1_IM-0001/0.png", "CXR1_1_IM-0001/1.png"]}, ...],
                        "val": [...], "test": [...]}
    images/CXR1_1_IM-0001/0.png          (or the images beside annotation.json; MIMIC-CXR-JPG's also in files/)

An example for each entry: its first image, the others as views. The report is one text, the findings section of the
original, so the reference is findings without an impression. Entries of MIMIC-CXR have `subject_id`, which becomes
context and tells the patient; these ids, or the paths of its images (p10/p10000032/s50414267/...jpg), mark the data as
restricted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.datasets.dataset import ALIASES, DataSet, part
from tasks.datasets.folder import first_with_any
from tasks.datasets.mimic import LICENCE
from tasks.datasets.studies import study_notes
from tasks.datasets.table import checked_id
from tasks.nouns import Example, InputError, Report, Task

ANNOTATION = "annotation.json"
ONE_TEXT = "a report is one text, the findings of the original: the impressions are empty, and not to be scored"
_MIMIC = re.compile(r"(.*/)?p\d\d/p\d{8}/s\d{8}(/.*)?")
_SPLITS = ("train", "val", "test")


def read(root: Path) -> DataSet | None:
    """The data set in `root`; None when there is no annotation.json."""
    path = root / ANNOTATION
    if not path.is_file():
        return None
    entries = list(_entries(path))
    images = _images(root, entries)
    examples: dict[str, Example] = {}
    places: dict[str, str] = {}
    empty = 0
    for where, split, entry in entries:
        example = _example(entry, images, split=split, where=where)
        if example.image_id in places:
            raise InputError(
                f"{where}: duplicate id: '{example.image_id}' is that of {places[example.image_id]} too: keep one entry"
            )
        places[example.image_id] = where.removeprefix(f"{path}: ")
        if example.reference == Report("", ""):
            empty += 1
        else:
            examples[example.image_id] = example
    kept = list(examples.values())
    restricted = any(of_mimic(entry) for _, _, entry in entries)
    return DataSet(
        root,
        "R2Gen (annotation.json)",
        (part(Task.REPORTS, lambda: kept),),
        label_files=(path,),
        notes=(*study_notes(kept, without_report=empty), ONE_TEXT),
        restricted=LICENCE if restricted else "",
    )


def _entries(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Place, split and content of each entry; InputError when the file is not R2Gen's."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}): fetch it again") from error
    named = document.keys() if isinstance(document, dict) else ()
    if not set(named) & set(_SPLITS) or not {ALIASES.get(name, name) for name in named} <= {"train", "valid", "test"}:
        found = ", ".join(map(str, named)) or type(document).__name__
        raise InputError(
            f"{path}: not an annotation file of R2Gen, an object with train, val and test, but {found[:200]}: rename "
            "it when it belongs to something else"
        )
    for name, entries in document.items():
        if not isinstance(entries, list):
            raise InputError(f"{path}: {name} is no list of entries: fetch the file again")
        for number, entry in enumerate(entries):
            yield f"{path}: {name}[{number}]", ALIASES.get(name, name), _checked(entry, f"{path}: {name}[{number}]")


def _checked(entry: Any, where: str) -> Mapping[str, Any]:
    """The entry; InputError when it lacks something or holds something else."""
    if not isinstance(entry, dict):
        raise InputError(f"{where} is {type(entry).__name__}: an entry is an object with id, report and image_path")
    if missing := [key for key in ("id", "report", "image_path") if key not in entry]:
        raise InputError(f"{where} lacks {', '.join(missing)}: an entry has id, report and image_path")
    if not isinstance(entry["report"], str):
        raise InputError(f"{where}: report is {type(entry['report']).__name__}: give a text")
    if not isinstance(entry["id"], str | int) or isinstance(entry["id"], bool):
        raise InputError(f"{where}: id is {type(entry['id']).__name__}: give a text")
    paths = entry["image_path"]
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
        raise InputError(f"{where}: image_path is no list of file names with one or more: name the images")
    for name in paths:
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in name or not name.isprintable():
            raise InputError(f"{where}: the image path {name!r} leads out of the image folder: give a relative one")
    return entry


def of_mimic(entry: Mapping[str, Any]) -> bool:
    """Whether its images lie as those of MIMIC-CXR, or its ids look like 10000032 and 50414267."""
    ids = f"{entry.get('subject_id')} {entry.get('study_id')}"
    return any(map(_MIMIC.fullmatch, entry["image_path"])) or re.fullmatch(r"1\d{7} 5\d{7}", ids) is not None


def _images(root: Path, entries: list[tuple[str, str, Any]]) -> Path:
    """The folder that the paths are relative to: the first in which one of the first images is found."""
    names = [entry["image_path"][0] for _, _, entry in entries[:100]]
    return first_with_any([root / "images", root / "files", root], names)


def _example(entry: Mapping[str, Any], images: Path, *, split: str, where: str) -> Example:
    first, *views = (images / name for name in entry["image_path"])
    subject = entry.get("subject_id")
    return Example(
        checked_id(str(entry["id"]).strip(), where),
        first,
        split,
        Report(entry["report"].strip(), ""),
        {"subject_id": str(subject)} if subject is not None else {},
        tuple(views),
    )
