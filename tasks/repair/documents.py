"""The rows of JSON, JSON lines, our own journal and Parquet.

Understood are `{id: answer}`, a list of objects or of pairs, an object that holds such a list, COCO's annotations, and
columns as lists. A journal's failed images have no answer, and a later line of an image replaces an earlier one:

    read_json('{"model": "m", "predictions": [{"id": "a", "caption": "A scan."}]}', edition, names, log, "x.json")
    # [Row(None, "a", "A scan.")]
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tasks.convert.fields import codes_in, labels_in
from tasks.documents import Entry, Torn, is_journal, read_documents
from tasks.editions import Edition
from tasks.nouns import InputError, Report, Task
from tasks.repair.changes import Record
from tasks.repair.columns import id_column, pick_values
from tasks.repair.names import Names
from tasks.repair.row import Cell, Row


def read_json(text: str, edition: Edition, names: Names, log: Record, where: str) -> list[Row]:
    """The rows of one JSON document or of JSON lines."""
    entries = read_documents(text, where, strict=False)
    if isinstance(entries[-1].content, Torn):  # a run that was killed leaves one
        torn = entries.pop()
        log.change("form", before=torn.content[:200], line=torn.line)
    if entries[0].line is None:
        entries = _entries(entries[0].content, names)
    log.change("form", before="JSON", after="table")
    if entries and all(is_journal(content) for _, content in entries):
        return _journal(entries, edition, log)
    return _table(entries, edition, names, log, where)


def read_parquet(source: Path | BinaryIO, edition: Edition, names: Names, log: Record, where: str) -> list[Row]:
    """The rows of a Parquet file; its columns of bytes are not read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(source) as file:
            schema = file.schema_arrow
            light = [f.name for f in schema if not (pa.types.is_binary(f.type) or pa.types.is_struct(f.type))]
            rows = file.read(columns=light).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{where} cannot be read as Parquet: {str(error)[:200]}: write the file again") from error
    log.change("form", before="Parquet", after="table")
    return _table([Entry(None, row) for row in rows], edition, names, log, where)


def _entries(document: Any, names: Names) -> list[Entry]:
    """The objects or pairs of a document."""
    if isinstance(document, list):
        return [Entry(None, item) for item in document]
    if not isinstance(document, dict) or is_journal(document):
        return [Entry(1, document)]
    if isinstance(document.get("images"), list) and isinstance(document.get("annotations"), list):
        return _annotations(document["images"], document["annotations"], names)
    lists = [v for v in document.values() if isinstance(v, list) and v and isinstance(v[0], (dict, list))]
    if not any(names.of(key) is not None for key in document):
        if lists:
            inner = max(lists, key=lambda rows: _hits(rows, names))
            return [Entry(None, item) for item in inner]
        columns = [v for v in document.values() if isinstance(v, list)]
        if len(columns) > 1 and len(columns) == len(document) and len({len(c) for c in columns}) == 1:
            return [Entry(None, dict(zip(document, row, strict=True))) for row in zip(*columns, strict=True)]
        if _hits([document], names):
            return [Entry(1, document)]
    if all(isinstance(value, dict) for value in document.values()):
        return [Entry(None, {"key": key, **value}) for key, value in document.items()]
    return [Entry(None, [key, value]) for key, value in document.items()]


def _annotations(images: Sequence[Any], annotations: Sequence[Any], names: Names) -> list[Entry]:
    """COCO's annotations, each with the file name of its image where its number is no id of the list."""
    files = {str(image.get("id")): image.get("file_name") for image in images if isinstance(image, dict)}
    rows = [dict(row) if isinstance(row, dict) else row for row in annotations]
    for row in rows:
        if isinstance(row, dict) and names.of(row.get("image_id")) is None:
            row["image_id"] = files.get(str(row.get("image_id"))) or row.get("image_id")
            row.pop("id", None)  # the annotation's own number
    return [Entry(None, row) for row in rows]


def _hits(rows: Sequence[Any], names: Names) -> int:
    cells = [list(row.values()) if isinstance(row, dict) else row for row in rows if isinstance(row, (dict, list))]
    return id_column(cells, names)[1]


def _journal(entries: Sequence[Entry], edition: Edition, log: Record) -> list[Row]:
    rows: dict[str, Row] = {}
    for line, item in entries:
        name = str(item["image_id"])
        if name in rows:
            log.change("id-duplicate", before=f"line {rows[name].line}", after=f"line {line}", line=line, image_id=name)
        value = _cell(item["value"], edition.task) if item["status"] == "ok" else None
        rows[name] = Row(line, name, value)
    return list(rows.values())


def _table(entries: Sequence[Entry], edition: Edition, names: Names, log: Record, where: str) -> list[Row]:
    titles = list(dict.fromkeys(key for _, item in entries if isinstance(item, dict) for key in item))
    rows: list[tuple[int | None, list[Any]]] = []
    for number, (line, item) in enumerate(entries, start=1):
        if isinstance(item, dict) and item:
            rows.append((line, [item.get(title) for title in titles]))
        elif isinstance(item, list) and len(item) == 2 and not titles:
            rows.append((line, item))
        else:
            raise InputError(
                f"{where}: entry {number} is neither an object like the others nor a pair of id and answer: mend it"
            )
    id_at, _ = id_column([row for _, row in rows], names)
    if titles:
        if len(titles) < 2:
            raise InputError(f"{where}: objects with nothing but {titles[0]!r}: give each an id and an answer")
        value_at = pick_values(titles, id_at, edition.task, where)
        left = [titles[n] for n in range(len(titles)) if n not in {id_at, *value_at}]
        if left:
            log.change("columns-extra", before=", ".join(left))
    else:
        value_at = (1 - id_at,)
    return [
        Row(line, "" if row[id_at] is None else str(row[id_at]), _value([row[n] for n in value_at], edition.task))
        for line, row in rows
    ]


def _value(values: Sequence[Any], task: Task) -> Cell:
    if len(values) == 2:
        findings, impression = ("" if value is None else str(value) for value in values)
        return Report(findings, impression)
    return _cell(values[0], task) if values else None


def _cell(value: Any, task: Task) -> Cell:
    """A JSON value as a cell; what is neither text, list nor report stays visible as its JSON."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        if task is Task.CONCEPTS:
            return tuple(value)
        if len(value) == 1:
            return str(value[0])
    if isinstance(value, Mapping) and task is Task.REPORTS and {"findings", "impression"} & value.keys():
        labels, codes = labels_in(value.get("labels") or {}), codes_in(value.get("icd") or [])
        return Report(str(value.get("findings") or ""), str(value.get("impression") or ""), labels or {}, codes or ())
    return (json.dumps(value, ensure_ascii=False, default=str),)
