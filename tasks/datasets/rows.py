"""Rows of a label table -> examples, the same for every layout of tables.

For example:

    labelled(Task.CONCEPTS, Path("dev_concept/concepts.csv"), images)[0].reference    # ("C0015726", "C1261259")
    cuis_of("C0817096;nan;")                                                          # ("C0817096",)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tasks.datasets.dataset import split_of
from tasks.datasets.folder import ImageFolder
from tasks.datasets.table import read_table
from tasks.nouns import Example, InputError, Report, Task, Value

CONCEPT_COLUMNS = ("cuis", "cui", "concepts")
CAPTION_COLUMNS = ("caption", "captions")
LABEL = re.compile(r"(?:-?[01](?:\.0*)?)?")
"""A field of a table of labels: 1, 0 or -1, also as 1.0, or nothing."""


def labelled(task: Task, path: Path, images: ImageFolder, split: str | None = None) -> list[Example]:
    """One example for each row of a label table; the ids tell the split where none is given.

    Beside a table of reports, `labels.csv` and `context.csv` are read too.
    """
    beside = path.with_name("context.csv")
    context = fields_of(beside) if task is Task.REPORTS else {}
    references = dict(_references(task, path))
    _check_any(context, references, beside)
    return [
        Example(image_id, images.image(image_id), split or split_of(image_id), value, context.get(image_id, {}))
        for image_id, value in references.items()
    ]


def unlabelled(ids: Iterable[str], images: ImageFolder, split: str | None = None) -> list[Example]:
    """Examples without references."""
    return [Example(image_id, images.image(image_id), split or split_of(image_id)) for image_id in ids]


def ids_of(path: Path) -> list[str]:
    """The image ids of a table, in its order."""
    return list(read_table(path).rows)


def cuis_of(field: str) -> tuple[str, ...]:
    """The CUIs of a field, each once; `nan`, which pandas writes for an empty field, is none.

    A list printed as text (`['C0817096', 'nan']`) is read as well.
    """
    entries = (entry.strip(" []'\"") for entry in re.split("[;,]", field))
    return tuple(dict.fromkeys(cui for cui in entries if cui and cui.lower() != "nan"))


def fields_of(path: Path) -> Mapping[str, Mapping[str, str]]:
    """Image id -> title -> field of a table that may be absent."""
    return read_table(path).fields() if path.is_file() else {}


def hashed_split(study: str) -> str:
    """Train, valid or test, 80:10:10 by the SHA-256 of the study's id, for data without a split of its own."""
    tenth = int(hashlib.sha256(study.encode()).hexdigest(), 16) % 10
    return "train" if tenth < 8 else ("valid" if tenth == 8 else "test")


def _references(task: Task, path: Path) -> Iterable[tuple[str, Value]]:
    table = read_table(path)
    if not table.rows:
        raise InputError(f"{path} holds a header and no rows: fetch it again, or remove it")
    if task is Task.CONCEPTS:
        return [(image_id, cuis_of(field)) for image_id, field in table.column(*CONCEPT_COLUMNS).items()]
    if task is Task.CAPTIONS:
        return table.column(*CAPTION_COLUMNS).items()
    findings, impressions = table.column("findings"), table.column("impression")
    labels = _labels(path.with_name("labels.csv"))
    _check_any(labels, table.rows, path.with_name("labels.csv"))
    return [
        (image_id, Report(findings[image_id].strip(), impressions[image_id].strip(), labels.get(image_id, {})))
        for image_id in table.rows
    ]


def _check_any(found: Mapping[str, object], ids: Collection[str], path: Path) -> None:
    """InputError when the table beside the reports is of other images, and all of it would be lost."""
    if found and not found.keys() & set(ids):
        raise InputError(f"{path}: none of its ids, such as '{next(iter(found))}', has a report: correct its ids")


def _labels(path: Path) -> dict[str, dict[str, int | None]]:
    """Image id -> label -> 1, 0, -1 or None (an empty field), as CheXpert's tables have them."""
    if not path.is_file():
        return {}
    table = read_table(path)
    titles = [(n, title) for n, title in enumerate(table.header) if n != table.id_place]
    labels: dict[str, dict[str, int | None]] = {}
    for image_id, row in table.rows.items():
        where = f"{path}: image '{image_id}', label "
        labels[image_id] = {title: label_in(row[n], f"{where}'{title}'") for n, title in titles}
    return labels


def label_in(field: str, where: str) -> int | None:
    """The label in a field of CheXpert's tables: 1, 0, -1 (also as 1.0), None for an empty one."""
    if not LABEL.fullmatch(field.strip()):
        raise InputError(f"{where}: {field!r} is no label: use 1, 0, -1 or leave it empty")
    return int(float(field)) if field.strip() else None
