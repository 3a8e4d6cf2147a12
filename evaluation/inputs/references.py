"""What a submission is scored against, and reference files of any year (`evaluation.inputs.runs` has those of runs).

A file is read by its header, whatever the year. Files without one, as the organisers' own of 2018 to 2022, are read
for an edition that has none: `id<TAB>C0000726;C0040405`, `id|caption` or `id,caption`. Of evaluators' habits one is
kept: an empty cell is the one empty entry `("",)`.

    gold = references_of_files(Path("concepts.csv"), secondary=Path("concepts_manual.csv"), task=Task.CONCEPTS)
    gold = gold.of_splits(submission).equipped(groups="attribution.csv")
    gold.warnings       # ("the intervals are drawn by article (column 'pmcid'): 391 groups",)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from evaluation.inputs.sections import Section, has_part, part_of
from evaluation.inputs.stated import labels_beside
from evaluation.measure.texts import text_of
from tasks.concepts import COMMON_NAMES, Vocabulary
from tasks.datasets.dataset import split_of
from tasks.datasets.folder import ImageFolder
from tasks.datasets.groups import Groups, groups_of_file, groups_of_table
from tasks.datasets.table import Table, read_table
from tasks.editions import Edition
from tasks.mojibake import mojibake
from tasks.nouns import ImageSource, InputError, Report, Task, Value

COLUMNS = {
    Task.CONCEPTS: (("cuis", "cui", "concepts"),),
    Task.CAPTIONS: (("caption", "captions"),),
    Task.REPORTS: (("findings",), ("impression",)),
}
"""Normalised titles of the columns that hold a reference."""
CUI = re.compile(r"C\d+", re.IGNORECASE)


@dataclass(frozen=True)
class References:
    """The gold answers of the images to score."""

    values: Mapping[str, Value]
    ids: tuple[str, ...] = ()
    """The images the submission must answer, in official order: those of `values` and any without a reference."""
    secondary: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Manual concepts; empty when there are none."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Image id -> its patient or article, where it has one; empty when the images are taken as independent."""
    grouped_by: str = ""
    """The column that `groups` comes from."""
    images: Mapping[str, ImageSource] = field(default_factory=dict)
    """Image id -> image; empty when the images are not at hand."""
    vocabulary_files: tuple[Path, ...] = ()
    """Tables of CUIs and their names."""
    section: Section = "both"
    """The part of the reports that is scored."""
    notes: tuple[str, ...] = ()
    """What has to be said of how they were read or chosen."""
    concepts_of_data: Callable[[], Mapping[str, tuple[str, ...]]] = dict
    """Reads the concepts that the data set of texts has for their images; of none when it has none."""

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The names of concepts to look for in texts, with everyday names of those the secondary score counts."""
        return Vocabulary.load([*self.vocabulary_files, COMMON_NAMES])

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """The notes, and what has to be said of groups, manual concepts and texts."""
        found = [*self.notes]
        if self.groups:
            found.append(Groups(self.grouped_by, self.groups).note(tuple(self.values)))
        unchecked = [i for i in self.values if i not in self.secondary] if self.secondary else []
        if unchecked:
            found.append(
                f"{len(unchecked)} of {len(self.values)} images have no row of manual concepts, the first is "
                f"{unchecked[0]}: they are left out of the secondary score, where the evaluator would stop"
            )
        texts = {i: text_of(value) for i, value in self.values.items() if not isinstance(value, tuple)}
        empty = [i for i, text in texts.items() if not text.strip()]
        if empty:
            found.append(
                f"{len(empty)} of {len(texts)} references are empty, the first is {empty[0]}: none is left out"
            )
        if said := mojibake(texts):
            found.append(f"references: {said}")
        return tuple(found)

    def of_splits(self, ids: Iterable[str]) -> Self:
        """Those of the splits that `ids` name: since 2026 one file holds the labels of train and valid."""
        wanted = {split_of(i) for i in ids}
        kept = tuple(i for i in self.ids if split_of(i) in wanted)
        if not kept or len(kept) == len(self.ids):
            return self
        named = ", ".join(sorted(wanted))
        values = {i: self.values[i] for i in kept if i in self.values}
        if _all_empty(values.values()):
            raise InputError(
                f"none of the {len(values)} references of {named} is filled in: give the file that has them"
            )
        note = f"scored against the {len(kept)} references of {named}; the file holds {len(self.ids)}"
        return replace(self, values=values, ids=kept, notes=(*self.notes, note))

    def of_ids(self, ids: Sequence[str]) -> Self:
        """Those of these images alone, in their order."""
        return replace(self, values={i: self.values[i] for i in ids if i in self.values}, ids=tuple(ids))

    def of_section(self, section: Section) -> Self:
        """One section of the reports alone; those without it are left out, though the submission must answer them."""
        if section == "both":
            return self
        values = {i: part_of(value, section) for i, value in self.values.items() if has_part(value, section)}
        if not values:
            raise InputError(f"--section {section}: none of the {len(self.values)} references has it: leave it out")
        lacking = len(self.values) - len(values)
        said = f"{lacking} of {len(self.values)} references have no {section}: they are not scored"
        notes = (*self.notes, said) if lacking else self.notes
        return replace(self, values=values, section=section, notes=notes)

    def equipped(
        self, *, groups: str | None = None, images: Path | None = None, vocabulary: Path | None = None
    ) -> Self:
        """With the groups in `FILE` or `FILE:COLUMN`, the images of a folder, the names in a file of concepts.

        InputError when a scored image has none of what is given.
        """
        found: dict[str, Any] = {}
        if groups is not None:
            of_file = groups_of_file(groups)
            _check_all(self.values, of_file.of, f"{groups} names no group")
            found |= {"groups": of_file.of, "grouped_by": of_file.title}
        if images is not None:
            folder = ImageFolder(images)
            if not folder.files:
                raise InputError(f"{images} holds no images: give the folder with the images of the references")
            _check_all(self.values, folder.files, f"{images} holds no image")
            found["images"] = {i: folder.image(i) for i in self.values}
        if vocabulary is not None:
            if not vocabulary.is_file():
                what = "is a folder" if vocabulary.is_dir() else "does not exist"
                raise InputError(f"{vocabulary} {what}: give a table of CUIs and their names")
            found["vocabulary_files"] = (vocabulary,)
        return replace(self, **found)


def references_of_files(
    path: Path, *, secondary: Path | None, task: Task, edition: Edition | None = None
) -> References:
    """References from label tables of any year; `edition` says whether they may lack a header."""
    if secondary is not None and task is not Task.CONCEPTS:
        raise InputError("--references-secondary holds manual concepts: use it with concept detection only")
    table = _table(path, task, edition)
    columns = [table.column(*names) for names in COLUMNS[task]]
    values = {i: _value(task, [column[i] for column in columns]) for i in table.rows}
    _check_kind(path, values)
    if task is Task.REPORTS:
        labels = labels_beside(path)
        values = {i: replace(one, labels=labels.get(i, {})) for i, one in values.items() if isinstance(one, Report)}
    manual = {}
    if secondary is not None:
        cells = _table(secondary, Task.CONCEPTS, edition).column(*COLUMNS[Task.CONCEPTS][0])
        manual = {i: _cuis(cell) for i, cell in cells.items()}
        _check_kind(secondary, manual)
    groups = groups_of_table(table)
    return References(values, tuple(values), manual, groups=groups.of, grouped_by=groups.title)


def _table(path: Path, task: Task, edition: Edition | None) -> Table:
    """The table at `path`; without a header only where the edition's files may lack it."""
    columns: tuple[str, ...] = ()
    mend = f"begin the file with {'ID,CUIs' if task is Task.CONCEPTS else 'ID,Caption'}"
    if task is Task.REPORTS:
        mend = "begin the file with ID,Findings,Impression"
    elif edition is not None and edition.header != "required":
        columns = edition.columns
    else:
        mend += "; files without a header are those of the editions 2018 to 2024: add --edition YEAR"
    table = read_table(path, columns=columns, padded=task is Task.CONCEPTS, mend=mend)
    if not table.rows:
        raise InputError(f"{path} holds a header and no rows: give the file with the references")
    return table


def _check_kind(path: Path, values: Mapping[str, Value]) -> None:
    """InputError when the values cannot be references of their task."""
    if _all_empty(values.values()):
        raise InputError(
            f"{path}: none of the {len(values)} references is filled in: this is a list of ids, or a file whose "
            "answers are kept back; give the gold answers"
        )
    texts = [value for value in values.values() if isinstance(value, str)]
    if texts and all(all(map(CUI.fullmatch, filter(None, _cuis(text)))) for text in texts):
        raise InputError(f"{path}: every caption is a list of CUIs: give the captions, or score with --task 1")
    cuis = {i: value for i, value in values.items() if isinstance(value, tuple)}
    if cuis and not any(any(map(CUI.fullmatch, value)) for value in cuis.values()):
        first = next(i for i, value in cuis.items() if any(value))
        raise InputError(
            f"{path}: no row has a CUI, {first} has {';'.join(cuis[first])[:80]!r}: give the file of the concepts"
        )


def _check_all(ids: Iterable[str], known: Mapping[str, Any], what: str) -> None:
    missing = [i for i in ids if i not in known]
    if missing:
        raise InputError(f"{what} for {len(missing)} of the references, the first is {missing[0]}: add what is missing")


def _all_empty(values: Iterable[Value]) -> bool:
    return not any(any(value) if isinstance(value, tuple) else text_of(value).strip() for value in values)


def _value(task: Task, cells: list[str]) -> Value:
    if task is Task.REPORTS:
        return Report(findings=cells[0], impression=cells[1])
    return _cuis(cells[0]) if task is Task.CONCEPTS else cells[0]


def _cuis(cell: str) -> tuple[str, ...]:
    """The entries of a cell as the evaluator splits it: a trailing `;` leaves an empty entry."""
    return tuple(cui.strip() for cui in cell.split(";"))
