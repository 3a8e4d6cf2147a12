"""Whole tables from text or names to CUIs (format B) and from CUIs to names (format A), never both in one file.

ID,Caption  or  ID,Concepts  or a list of names    ->   ID,CUIs        (format B)
ID,CUIs                                            ->   ID,Concepts    (format A: canonical names, `;` between them)
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.concepts import ConceptAnswer, Vocabulary
from tasks.nouns import InputError
from tasks.upload import read_records, read_text

TITLES = ("caption", "concepts", "cuis")
"""Second columns of the tables that can be mapped."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapped table and what it leaves out."""

    table: str
    """CSV text."""
    n_rows: int
    n_empty: int
    """Rows in which nothing was found."""
    unmapped: Counter[str]
    """Entries that could not be mapped, with their counts."""


def map_table(path: Path, vocabulary: Vocabulary) -> Mapped:
    """Map the table or list at `path`; its second column's header says which way."""
    rows = _read(path)
    ways: dict[str, tuple[str, Callable[[str], ConceptAnswer]]] = {
        "caption": ("CUIs", lambda text: ConceptAnswer(vocabulary.find(text), ())),
        "concepts": ("CUIs", vocabulary.answer),
        "cuis": ("Concepts", lambda text: _names(text, vocabulary)),
    }
    if len(rows[0]) == 1:
        rows = [["Name", "Concepts"], *([row[0], row[0]] for row in rows)]
    column, mapping = ways[_title(rows[0][1])]
    return _map(rows, column, mapping)


def names_table(rows: Sequence[tuple[str, Sequence[str]]], vocabulary: Vocabulary) -> str:
    """Image ids with their CUIs as a table of canonical names (format A), CSV text."""
    cuis = [["ID", "CUIs"], *([image_id, ";".join(found)] for image_id, found in rows)]
    return _map(cuis, "Concepts", lambda text: _names(text, vocabulary)).table


def _map(rows: Sequence[Sequence[str]], column: str, mapping: Callable[[str], ConceptAnswer]) -> Mapped:
    unmapped: Counter[str] = Counter()
    empty = 0
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([rows[0][0], column])
    for row in rows[1:]:
        found = mapping(row[1] if len(row) > 1 else "")
        writer.writerow([row[0], ";".join(found.cuis)])
        unmapped.update(found.unmapped)
        empty += not found.cuis
    return Mapped(buffer.getvalue(), len(rows) - 1, empty, unmapped)


def _names(text: str, vocabulary: Vocabulary) -> ConceptAnswer:
    """The canonical names of a list of CUIs; CUIs without one, or with one that would not lead back, are unmapped."""
    names: list[str] = []
    lost: list[str] = []
    for cui in filter(None, map(str.strip, text.upper().split(";"))):
        name = vocabulary.name(cui)
        if name is None or vocabulary.answer(name).cuis != (cui,):
            lost.append(cui)
        else:
            names.append(name)
    return ConceptAnswer(tuple(names), tuple(lost))


def _read(path: Path) -> list[list[str]]:
    """The rows of a table with one of the `TITLES`, or of a list whose lines are one field each."""
    text = read_text(path, member="submission.csv")
    if not text.strip():
        raise InputError(f"{path} is empty: give a table ID,Caption or a list of names")
    head = text.partition("\n")[0]
    delimiter = max(",\t|", key=head.count)
    rows = [record.fields for record in read_records(text, delimiter) if record.fields]
    if len(rows[0]) < 2 or _title(rows[0][1]) not in TITLES:
        return [[line.strip()] for line in text.splitlines() if line.strip()]
    return rows


def _title(cell: str) -> str:
    """The title of a column as the ways of mapping call it."""
    title = cell.strip().lower()
    return {"captions": "caption", "concept": "concepts", "cui": "cuis"}.get(title, title)
