"""The patient or article of each image: images of one are drawn together when intervals are computed.

Images of one article or patient resemble each other, and intervals that take them as independent are too narrow
(Cameron and Miller, A Practitioner's Guide to Cluster-Robust Inference, 2015). Groups are a column of the reference
table itself, of a file beside the data (`attribution.csv` of 2026, `license_information.csv` of ROCOv2), or of one
that the user gives. A study is no group: the pictures of one study answer for one report, and its patient may have
more studies:

    groups = groups_of_file("attribution.csv")        # ID,source,pmcid,licence
    groups.of["ImageCLEFmedical_Caption_2026_valid_0"], groups.title      # "PMC4083729", "pmcid"
    groups_of_file("cases.csv:reader")                # the column `reader`, whatever it is
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.datasets.dataset import DataSet
from tasks.datasets.table import Table, normalised, read_table
from tasks.nouns import Example, InputError

KINDS = {
    **dict.fromkeys(("group", "groupid"), "group"),
    **dict.fromkeys(("article", "articleid", "pmcid", "pmc", "pmid", "doi"), "article"),
    **dict.fromkeys(("patient", "patientid", "subject", "subjectid"), "patient"),
}
"""Normalised titles of group columns, the widest group first -> what they name."""
FEW = 50
"""Groups below which cluster-robust intervals are too narrow: "few" is 20 to 50 in Cameron and Miller, section VI."""
BESIDE = ("attribution.csv", "license_information.csv")
"""Files of a release that name the article of each image."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Which images belong together."""

    title: str = ""
    """The column that says so."""
    of: Mapping[str, str] = field(default_factory=dict)
    """Image id -> group; an image without one is alone."""

    def note(self, ids: Sequence[str]) -> str:
        """How the intervals of these images are drawn."""
        known = [group for i in ids if (group := self.of.get(i)) is not None]
        kind = KINDS.get(normalised(self.title), self.title)
        alone = len(ids) - len(known)
        n = len(set(known))
        rest = f", and {alone} images without one each alone" if alone else ""
        few = f"; fewer than {FEW} are few, and the intervals too narrow" if n + alone < FEW else ""
        return f"the intervals are drawn by {kind} (column '{self.title}'): {n} groups{rest}{few}"


def groups_of_file(source: str) -> Groups:
    """The groups in `FILE` or `FILE:COLUMN`; InputError when the file does not say which column it is."""
    path, column = Path(source), ""
    if ":" in source and not path.exists():
        path, column = Path(source.rpartition(":")[0]), source.rpartition(":")[2]
    table = read_table(path)
    titles = [table.header[n] for n in range(len(table.header)) if n != table.id_place]
    if column:
        chosen = [title for title in titles if title == column] or [
            title for title in titles if normalised(title) == normalised(column)
        ]
    else:
        chosen = [title for title in titles if normalised(title) in KINDS] or (titles if len(titles) == 1 else [])
    if len(chosen) != 1:
        why = f"no column '{column}'" if column else ("several" if chosen else "no") + " group columns"
        raise InputError(f"{path}:1: {why} among {', '.join(titles)}: name the right one, --groups {path}:COLUMN")
    found = _groups(table, chosen[0])
    if not found.of:
        raise InputError(f"{path}: the column '{chosen[0]}' is empty: give another, --groups {path}:COLUMN")
    return found


def groups_of_table(table: Table) -> Groups:
    """The groups that a reference table holds; none when it has no such column, or an empty one."""
    title = _first([title for n, title in enumerate(table.header) if n != table.id_place])
    return _groups(table, title) if title else Groups()


def groups_of_examples(examples: Sequence[Example]) -> Groups:
    """The groups that the context of the examples names."""
    title = _first(dict.fromkeys(title for example in examples for title in example.context))
    return Groups(title, {e.image_id: e.context[title].strip() for e in examples if e.context.get(title, "").strip()})


def context_of(example: Example) -> dict[str, str]:
    """The patient context of an example without what only names the patient, from which nothing is to be learnt."""
    return {title: value for title, value in example.context.items() if normalised(title) not in KINDS}


def groups_of_data(dataset: DataSet, examples: Sequence[Example], notes: list[str]) -> Groups:
    """The groups that the examples or a file beside the labels name; a faulty file is noted and not used."""
    found = groups_of_examples(examples)
    beside = dict.fromkeys(path.parent / name for path in dataset.label_files for name in BESIDE)
    for path in beside if not found.of else ():
        if not path.is_file():
            continue
        try:
            groups = groups_of_table(read_table(path))
        except InputError as error:
            notes.append(f"the images are taken as independent: {error}")
            continue
        known = {e.image_id: groups.of[e.image_id] for e in examples if e.image_id in groups.of}
        if known:
            return Groups(groups.title, known)
    return found


def _first(titles: Iterable[str]) -> str:
    """The title of the widest group; empty without one."""
    order = list(KINDS)
    known = [title for title in titles if normalised(title) in KINDS]
    return min(known, key=lambda title: order.index(normalised(title)), default="")


def _groups(table: Table, title: str) -> Groups:
    place = table.header.index(title)
    return Groups(title, {image_id: row[place].strip() for image_id, row in table.rows.items() if row[place].strip()})
