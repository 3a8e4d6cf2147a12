"""Whole tables from text or names to CUIs (format B) and from CUIs to names (format A), never both in one file.

ID,Caption  or  ID,Concepts  or a list of names    ->   ID,CUIs        (format B)
ID,CUIs                                            ->   ID,Concepts    (format A: canonical names, `;` between them)

What a caption denies is dropped and counted; a concept that only stands below those of the challenge is replaced:

    map_table(read_rows(Path("captions.csv")), vocabulary).table      # "ID,CUIs\\nvalid_0,C0040405;C0817096\\n"
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.concepts import ConceptAnswer, Vocabulary
from tasks.negation import Cue, affirmed
from tasks.nouns import InputError
from tasks.upload import read_records, read_text

TITLES = ("caption", "concepts", "cuis")
"""Second columns of the tables that can be mapped."""
Nearest = Mapping[str, tuple[str, ...]]
"""CUI outside the challenge's vocabulary -> the nearest of its ancestors that are in it."""


@dataclass(slots=True)
class Mapped:
    """A mapped table and what it leaves out."""

    table: str = ""
    """CSV text."""
    n_rows: int = 0
    n_empty: int = 0
    """Rows in which nothing was found."""
    unmapped: Counter[str] = field(default_factory=Counter)
    """Entries that could not be mapped, with their counts."""
    denied: Counter[str] = field(default_factory=Counter)
    """CUIs that captions mention only to deny them, with the number of captions."""
    replaced: Counter[str] = field(default_factory=Counter)
    """CUIs whose ancestors stand in their place, with the number of rows."""


def read_rows(path: Path) -> list[list[str]]:
    """The header and rows of a table with one of the `TITLES`, or of the submission in a run's folder.

    A list of names becomes such a table, with each name twice.
    """
    if path.is_dir():
        path /= "submission.csv"
    text = read_text(path, member="submission.csv")
    if not text.strip():
        raise InputError(f"{path} is empty: give a table ID,Caption or a list of names")
    head = text.partition("\n")[0]
    delimiter = max(",\t|", key=head.count)
    rows = [record.fields for record in read_records(text, delimiter) if record.fields]
    if len(rows[0]) < 2 or _title(rows[0][1]) not in TITLES:
        return [["Name", "Concepts"], *([line.strip()] * 2 for line in text.splitlines() if line.strip())]
    return rows


def kind_of(rows: Sequence[Sequence[str]]) -> str:
    """Which of the `TITLES` the second column has."""
    return _title(rows[0][1])


def map_table(
    rows: Sequence[Sequence[str]],
    vocabulary: Vocabulary,
    *,
    nearest: Nearest | None = None,
    keep_denied: bool = False,
) -> Mapped:
    """Map what `read_rows` gives; the second column's header says which way.

    The concepts of `nearest`, whose names the vocabulary may hold too, are replaced by what it gives for them. What a
    caption denies is left out unless it is to be kept.
    """
    mapped = Mapped()
    nearest = nearest or {}
    ways: dict[str, tuple[str, Callable[[str], ConceptAnswer]]] = {
        "caption": ("CUIs", lambda text: _inside(_mentioned(text, vocabulary, keep_denied, mapped), nearest, mapped)),
        "concepts": ("CUIs", lambda text: _inside(vocabulary.answer(text), nearest, mapped)),
        "cuis": ("Concepts", lambda text: _names(_inside(_listed(text), nearest, mapped).cuis, vocabulary)),
    }
    column, mapping = ways[kind_of(rows)]
    return _map(rows, column, mapping, into=mapped)


def names_table(rows: Sequence[tuple[str, Sequence[str]]], vocabulary: Vocabulary) -> str:
    """Image ids with their CUIs as a table of canonical names (format A), CSV text."""
    cuis = [["ID", "CUIs"], *([image_id, ";".join(found)] for image_id, found in rows)]
    return map_table(cuis, vocabulary).table


def _map(
    rows: Sequence[Sequence[str]], column: str, mapping: Callable[[str], ConceptAnswer], *, into: Mapped
) -> Mapped:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([rows[0][0], column])
    for row in rows[1:]:
        found = mapping(row[1] if len(row) > 1 else "")
        writer.writerow([row[0], ";".join(found.cuis)])
        into.unmapped.update(found.unmapped)
        into.n_empty += not found.cuis
    into.table, into.n_rows = buffer.getvalue(), len(rows) - 1
    return into


def _mentioned(text: str, vocabulary: Vocabulary, keep_denied: bool, mapped: Mapped) -> ConceptAnswer:
    """The concepts that a caption mentions; those it denies are counted, or kept."""
    mentions = vocabulary.mentions(text)
    everything = dict.fromkeys(item for item in mentions if not isinstance(item, Cue))
    found = everything if keep_denied else dict.fromkeys(affirmed(mentions))
    mapped.denied.update(everything.keys() - found.keys())
    return ConceptAnswer(tuple(found), ())


def _inside(answer: ConceptAnswer, nearest: Nearest, mapped: Mapped) -> ConceptAnswer:
    """The answer with ancestors in the place of concepts outside the vocabulary."""
    outside = [cui for cui in answer.cuis if cui in nearest]
    if not outside:
        return answer
    mapped.replaced.update(outside)
    cuis = dict.fromkeys(inside for cui in answer.cuis for inside in nearest.get(cui, (cui,)))
    return answer._replace(cuis=tuple(cuis))


def _listed(text: str) -> ConceptAnswer:
    return ConceptAnswer(tuple(filter(None, map(str.strip, text.upper().split(";")))), ())


def _names(cuis: Sequence[str], vocabulary: Vocabulary) -> ConceptAnswer:
    """The canonical names of CUIs; CUIs without one, or with one that would not lead back, are unmapped."""
    names: list[str] = []
    lost: list[str] = []
    for cui in cuis:
        name = vocabulary.name(cui)
        if name is None or vocabulary.answer(name).cuis != (cui,):
            lost.append(cui)
        else:
            names.append(name)
    return ConceptAnswer(tuple(names), tuple(lost))


def _title(cell: str) -> str:
    """The title of a column as the ways of mapping call it."""
    title = cell.strip().lower()
    return {"captions": "caption", "concept": "concepts", "cui": "cuis"}.get(title, title)
