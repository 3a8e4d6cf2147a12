"""How a table is to be read: its delimiter, and what a double quote means in it.

The edition's own way comes first and is kept unless another finds more images of the id list, or more rows with the
right number of fields. The last resort for a quote that is never closed reads line by line, where a line that starts
with an id of the list starts a row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tasks.editions import Edition
from tasks.nouns import Task
from tasks.repair.changes import Record as Log
from tasks.repair.columns import id_column
from tasks.repair.names import Names, bare
from tasks.upload import Record, read_records

LINE_END = re.compile(r"\r\n|\r|\n")
MARKS = ",\t|;"
_FAR = 200
"""Lines after which a quote that is not closed is given up."""
_Mode = Literal["quoted", "plain", "line"]
_MODES: tuple[_Mode, ...] = ("quoted", "line", "plain")


@dataclass(frozen=True, slots=True)
class Reading:
    """A table read in one way."""

    delimiter: str
    mode: _Mode
    records: list[Record]
    id_at: int
    found: int
    """Images of the list that have a row."""
    whole: int
    """Those of them whose row has the right number of fields."""
    opened: dict[int, str] = field(default_factory=dict)
    """Line -> its text, where a quote was never closed."""

    def knows(self, record: Record, names: Names) -> bool:
        """Whether a record is the row of an image of the list."""
        return self.id_at < len(record.fields) and names.of(record.fields[self.id_at]) is not None


@dataclass(frozen=True, slots=True)
class Frame:
    """What the rows of one table stand in."""

    lines: Sequence[str]
    edition: Edition
    names: Names
    log: Log
    where: str


def best_reading(text: str, frame: Frame) -> Reading:
    """The way of reading that makes most of the text."""
    edition, names = frame.edition, frame.names
    own = edition.delimiter_of(frame.lines[0])
    own_mode: _Mode = "quoted" if edition.quoted else "plain"
    best = _read(text, own, own_mode, frame)
    one_each = sum(map(bool, frame.lines)) <= len(best.records)
    if best.found == best.whole and (
        best.found == len(names.ids) or (one_each and best.found >= len(best.records) - 1)
    ):
        return best
    for mark in (own, *(mark for mark in MARKS if mark != own and mark in text)):
        for mode in _MODES:
            if (mark, mode) == (own, own_mode) or (mode != "quoted" and '"' not in text):
                continue
            other = _read(text, mark, mode, frame)
            if (other.found, other.whole) > (best.found, best.whole):
                best = other
    return best


def _read(text: str, mark: str, mode: _Mode, frame: Frame) -> Reading:
    names = frame.names
    opened: dict[int, str] = {}
    if mode == "line":
        records = list(_by_line(frame.lines, mark, names, opened))
    else:
        records = read_records(text, mark, quoted=mode == "quoted")
    id_at, _ = id_column([record.fields for record in records], names)
    head = records[0].fields if records else []
    width = len(frame.edition.columns)
    if len(head) > width and names.of(head[min(id_at, len(head) - 1)]) is None:
        width = len(head)
    # A report may stand in one column: else a reading that cuts it at its commas would look better.
    widths = {width, 2} if frame.edition.task is Task.REPORTS else {width}
    found, whole = set(), set()
    for record in records:
        image_id = names.of(record.fields[id_at]) if id_at < len(record.fields) else None
        if image_id is not None:
            found.add(image_id)
            if len(record.fields) in widths:
                whole.add(image_id)
    return Reading(mark, mode, records, id_at, len(found), len(whole), opened)


def _by_line(lines: Sequence[str], mark: str, names: Names, opened: dict[int, str]) -> Iterator[Record]:
    """Records of which each begins on a line of its own; a quote may span lines up to the next id of the list."""
    before = csv.field_size_limit(max(map(len, lines), default=0) * _FAR + _FAR)
    try:
        n = 0
        while n < len(lines):
            end = n + 1
            fields = _fields(lines[n], mark)
            if fields is None:
                while end < min(len(lines), n + _FAR) and names.of(lines[end].partition(mark)[0]) is None:
                    end += 1
                fields = _fields("\n".join(lines[n:end]), mark) if end > n + 1 else None
            if fields is None:
                end = n + 1
                opened[end] = lines[n]
                head, _, rest = lines[n].partition(mark)
                fields = [bare(head), rest.strip().removeprefix('"').replace('""', '"')]
            yield Record(n + 1, fields)
            n = end
    finally:
        csv.field_size_limit(before)


def _fields(text: str, mark: str) -> list[str] | None:
    """The fields of one record; None when a quote in it is not closed."""
    lines = text.splitlines(keepends=True) if "\n" in text else [text]
    try:
        return next(csv.reader(lines, delimiter=mark, strict=True), [])
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
        return next(csv.reader(lines, delimiter=mark), [])
