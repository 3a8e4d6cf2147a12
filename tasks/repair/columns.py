"""Which column of a table holds the ids and which the values, when they are named or placed otherwise.

The id column is the one whose cells are in the id list. Where more than one column is left, the value is the column
whose title says that it is a prediction, then the one that says what the task predicts; never a reference:

    pick([["image_id", "original_caption", "generated_caption", "seconds"], ["a", "x", "y", "1.5"]], ...)
    # Columns(id_at=0, value_at=(2,))
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tasks.ids import HEADER
from tasks.nouns import InputError, Task
from tasks.repair.names import Names

_SEEN = 500
"""Rows looked at to find the id column."""
_REFERENCE = re.compile(r"orig|refer|gold|truth|target|true|^gt|_gt$|label_text", re.IGNORECASE)
_PREDICTED = re.compile(r"pred|generat|hypoth|candidate|submission", re.IGNORECASE)
_ANY = re.compile(r"^(value|values|answer|output|result|response)s?$", re.IGNORECASE)
_TASK = {
    Task.CONCEPTS: re.compile(r"cui|concept", re.IGNORECASE),
    Task.CAPTIONS: re.compile(r"caption|^text$|^description$", re.IGNORECASE),
    Task.REPORTS: re.compile(r"report|^text$", re.IGNORECASE),
}
_SECTIONS = (re.compile(r"finding", re.IGNORECASE), re.compile(r"impression|conclusion", re.IGNORECASE))


class Columns(NamedTuple):
    """Where id and values stand."""

    id_at: int
    value_at: tuple[int, ...]


def id_column(rows: Sequence[Sequence[object]], names: Names) -> tuple[int, int]:
    """The column that holds ids of the list in most rows, and in how many of the first ones; the first when none."""
    seen = rows[:_SEEN]
    width = max(map(len, seen), default=0)
    hits = [sum(names.of(row[n]) is not None for row in seen if n < len(row)) for n in range(min(width, 50))]
    best = max(hits, default=0)
    return (hits.index(best) if best else 0), best


def is_title(row: Sequence[str], task: Task) -> bool:
    """Whether a first row reads like a header."""
    titles = [cell.strip().strip("\ufeff\"'").strip() for cell in row]
    known = (*_SECTIONS, _PREDICTED, _ANY, _TASK[task])
    return any(title and len(title) < 40 and HEADER.fullmatch(title) for title in titles) or (
        len(titles) > 1 and all(len(title) < 40 and any(kind.search(title) for kind in known) for title in titles[1:])
    )


def pick_values(titles: Sequence[str], id_at: int, task: Task, where: str) -> tuple[int, ...]:
    """The value columns of a table with these titles; InputError when more than one could be meant."""
    others = [n for n in range(len(titles)) if n != id_at]
    if task is Task.REPORTS:
        sections = [[n for n in others if kind.search(titles[n])] for kind in _SECTIONS]
        # ReXrank's `findings` and `impression` are the gold report beside the `model_prediction`.
        gold = any(_PREDICTED.search(titles[n]) and not any(n in found for found in sections) for n in others)
        if all(len(found) == 1 for found in sections) and not gold:
            return sections[0][0], sections[1][0]
    if len(others) == 1:
        return tuple(others)
    asked = [n for n in others if not _REFERENCE.search(titles[n])]
    exact = re.compile(rf"^{task.value.split('_')[0]}s?$|^cuis$", re.IGNORECASE)
    for kinds in ((_PREDICTED, _TASK[task]), (exact,), (_TASK[task],), (_PREDICTED,), (_ANY,)):
        found = [n for n in asked if all(kind.search(titles[n].strip()) for kind in kinds)]
        if len(found) == 1:
            return tuple(found)
        if found:
            raise InputError(
                f"{where}: columns {', '.join(repr(titles[n]) for n in found)} could each be the answer: "
                "keep the id and one of them"
            )
    raise InputError(
        f"{where}: no column of {', '.join(map(repr, titles))} says that it is the answer: "
        "keep two columns, the id and the answer"
    )
