"""Data sets of the Hugging Face hub on disk: parquet shards, or a folder written by `save_to_disk`.

    data/train-00000-of-00027.parquet, data/validation-00000-of-00001.parquet, ...
    state.json, dataset_info.json, data-00000-of-00001.arrow      a Dataset (its split: train)
    dataset_dict.json, train/state.json, validation/state.json    a DatasetDict

Columns of `eltorio/ROCOv2-radiology`: image (struct of bytes and path), image_id, caption, cui (list
of strings). Its `cui` was built from the manual lists (`*_concepts_manual.csv`), where a missing value
became the list `["nan"]`: it is read as reference and as secondary concepts, and `nan` as none.
`ykumards/open-i` (IU X-ray) has uid, findings, impression, indication, comparison, and the images of a study in
img_frontal and img_lateral, as bytes, structs or base64 text; its `image` is a remark, and MeSH and Problems were
written after the report. The lateral image is the example's view. A study with neither section, or without a frontal
image, is dropped and counted in the notes. Its only split is divided 80:10:10 by the SHA-256 of the uid.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

from tasks.datasets.cells import Cell, columns, filled, height, schema
from tasks.datasets.dataset import ALIASES, DataSet, part
from tasks.datasets.release_2026 import vocabularies
from tasks.datasets.rows import CAPTION_COLUMNS, CONCEPT_COLUMNS, cuis_of, hashed_split
from tasks.datasets.studies import NO_SPLIT, study_notes
from tasks.datasets.table import checked_id, normalised
from tasks.nouns import Example, InputError, Report, Task, Value

IDS = ("imageid", "id", "uid")
IMAGES = ("imgfrontal", "imagefrontal", "frontal", "image", "img")
LATERAL = ("imglateral", "imagelateral", "lateral")
SECTIONS = ("findings", "impression")
CONTEXT = ("indication", "comparison")
VALUES = {Task.CONCEPTS: CONCEPT_COLUMNS, Task.CAPTIONS: CAPTION_COLUMNS, Task.REPORTS: SECTIONS}
SHARD = re.compile(r"(?P<name>.+)-\d+-of-(?P<total>\d+)")
MANUAL_NOTE = "column 'cui' holds the manual concepts only: a primary score needs the full lists (column 'cuis')"

Files = dict[str, list[Path]]
"""Split -> its files in order."""


class Row(NamedTuple):
    """A row of a file."""

    image_id: str
    image: Cell | None
    """None where a study has no image."""
    value: Value | None
    context: dict[str, str]
    views: tuple[Cell, ...]


def read(root: Path) -> DataSet | None:
    """The data set in `root`; None when there are neither parquet nor arrow files in their places."""
    if (root / "dataset_dict.json").is_file():
        names = _file_names(root / "dataset_dict.json", "splits")
        return _data_set(root, "save_to_disk (DatasetDict)", {_split(n): _arrow_files(root / n) for n in names})
    if (root / "state.json").is_file():
        return _data_set(root, "save_to_disk (Dataset)", {"train": _arrow_files(root)})
    shards: Files = {}
    for path in (*sorted(root.glob("*.parquet")), *sorted(root.glob("*/*.parquet"))):
        shards.setdefault(_shard_split(path), []).append(path)
    return _data_set(root, "parquet (Hugging Face)", shards) if shards else None


def _data_set(root: Path, layout: str, files: Files) -> DataSet:
    first = next((path for paths in files.values() for path in paths), None)
    if first is None:
        raise InputError(f"{root} names no data files: save or fetch it again")
    found = _names(first)
    tasks = [task for task, names in VALUES.items() if any(name in found for name in names)]
    divided = list(files) == ["train"] and tasks == [Task.REPORTS]
    dropped: Counter[str] = Counter()
    read = partial(_examples, divided=divided, dropped=dropped)
    parts = tuple(
        part(task, partial(read, task, split, paths), None if divided else split)
        for split, paths in files.items()
        for task in tasks or Task
    )
    is_manual = "cui" in found and "cuis" not in found
    notes = [*_missing_shards(files), *([MANUAL_NOTE] if is_manual else [])]
    if Task.REPORTS in tasks:  # what was dropped is not known before
        studies = [example for part in parts if part.task is Task.REPORTS for example in part.read()]
        notes += study_notes(studies, without_report=dropped["report"], without_frontal=dropped["image"])
    if divided:
        notes.append(NO_SPLIT)
    return DataSet(
        root,
        layout,
        parts,
        manual=tuple(p for p in parts if is_manual and p.task is Task.CONCEPTS),
        label_files=tuple(sorted({path.parent / "state.json" for paths in files.values() for path in paths}))
        if layout.startswith("save_to_disk")
        else (),
        vocabulary_files=vocabularies(root),
        notes=tuple(notes),
    )


def _examples(task: Task, split: str, paths: Sequence[Path], *, divided: bool, dropped: Counter[str]) -> list[Example]:
    examples: dict[str, Example] = {}
    start = 0
    for path in paths:
        for row in _rows(task, path, start=start):
            image_id = row.image_id
            if image_id in examples:
                raise InputError(
                    f"{path}: duplicate id: '{image_id}' stands twice in split '{split}': keep one row of it"
                )
            if isinstance(row.value, Report) and not (row.value.findings or row.value.impression):
                dropped["report"] += 1
            elif row.image is None:
                dropped["image"] += 1
            else:
                where = hashed_split(image_id) if divided else split
                examples[image_id] = Example(image_id, row.image, where, row.value, row.context, row.views)
        start += height(path)
    return list(examples.values())


def _rows(task: Task, path: Path, *, start: int) -> Iterator[Row]:
    """The rows of a file; without an id column, its number is a row's id."""
    found = _names(path)
    image = _image_column(path, found)
    wanted = {name: found[name] for name in (*IDS, *VALUES[task], *CONTEXT) if name in found}
    cells = dict(zip(wanted, columns(path, list(wanted.values())), strict=True))
    study = task is Task.REPORTS and any(name in found for name in SECTIONS)
    lateral = next((found[name] for name in LATERAL if study and name in found), None)
    has_image = filled(path, image) if study else None
    has_view = filled(path, lateral) if lateral else None
    for n in range(height(path)):
        row = {name: column[n] for name, column in cells.items()}
        given = next((row[name] for name in IDS if name in row), f"{start + n:06d}")
        image_id = checked_id(_text(given), f"{path}, row {n}")
        told = {name: _text(row.get(name)) for name in CONTEXT} if task is Task.REPORTS else {}
        context = {name: text for name, text in told.items() if text}
        there = Cell(path, n, image) if has_image is None or has_image[n] else None
        views = (Cell(path, n, lateral),) if lateral and has_view and has_view[n] else ()
        yield Row(image_id, there, _value(task, row), context, views)


def _value(task: Task, row: Mapping[str, Any]) -> Value | None:
    """The reference of a row, None where it has none."""
    if task is Task.REPORTS:
        findings, impression = (_text(row.get(name)) for name in SECTIONS)
        return Report(findings, impression) if any(name in row for name in SECTIONS) else None
    value = next((row[name] for name in VALUES[task] if name in row), None)
    if value is None or task is Task.CAPTIONS:
        return value
    return cuis_of(";".join(map(str, value)) if isinstance(value, list) else str(value))


def _text(cell: Any) -> str:
    """A cell without blanks at its ends; empty for a missing one, which pandas writes as NaN."""
    return "" if cell is None or (isinstance(cell, float) and isnan(cell)) else str(cell).strip()


def _names(path: Path) -> dict[str, str]:
    """Normalised column name -> the column's own name."""
    return {normalised(name): name for name in schema(path)}


def _image_column(path: Path, found: dict[str, str]) -> str:
    """The column of the images; one of text (base64) only when there is no other, as text may be a remark."""
    types = schema(path)
    candidates = [found[name] for name in IMAGES if name in found]
    candidates.sort(key=lambda name: types[name] == "string")
    if not candidates:
        raise InputError(f"{path}: no image column among {', '.join(types)}: rename the column to 'image'")
    return candidates[0]


def _split(name: str) -> str:
    return ALIASES.get(name, name)


def _shard_split(path: Path) -> str:
    """`train` for train-00000-of-00027.parquet, train.parquet and train/0000.parquet."""
    for name in (path.stem, path.parent.name):
        start = re.match(r"train|validation|valid|val|test|dev", name)
        if start:
            return _split(start[0])
    return "train"


def _missing_shards(files: Files) -> Iterator[str]:
    for split, paths in files.items():
        totals = {int(match["total"]) for path in paths if (match := SHARD.fullmatch(path.stem))}
        if totals and max(totals) != len(paths):
            yield f"split '{split}' has {len(paths)} of {max(totals)} shards: fetch the others for the whole split"


def _arrow_files(folder: Path) -> list[Path]:
    return [folder / name for name in _file_names(folder / "state.json", "_data_files")]


def _file_names(path: Path, key: str) -> list[str]:
    """The names in the list under `key` of a JSON file, whose entries are names or objects with a file name."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))[key]
        names = [entry["filename"] if isinstance(entry, dict) else entry for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not as save_to_disk writes it ({error}): save or fetch it again") from error
    return [checked_id(str(name), str(path)) for name in names]
