"""Cross-validation by the name of a split: every data set has `fold-2-of-5`, and `except-fold-2-of-5`, all the others.

Divided are all examples of a task that have a reference, whatever split they stand in; synthetic ones are left out. A
patient's or an article's images stay together where the data names them (`tasks.datasets.groups`), a study's always do.
The fold is SHA-256 of that name modulo N: it depends neither on the order of the rows nor on what else is there, and
folds are equal only nearly:

    data.examples(Task.REPORTS, "fold-1-of-5")            # those to answer
    data.examples(Task.REPORTS, "except-fold-1-of-5")     # those to learn from
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from tasks.nouns import Example, InputError, Task

if TYPE_CHECKING:
    from tasks.datasets.dataset import DataSet

FORM = "fold-2-of-5 or except-fold-2-of-5"
"""How folds are called, for messages."""
_NAME = re.compile(r"(?P<rest>except-)?fold-(?P<number>\d{1,6})-of-(?P<total>\d{1,6})")


@dataclass(frozen=True, slots=True)
class Fold:
    """One of several equal shares of a data set, or the rest of it."""

    number: int
    """From 1."""
    total: int
    rest: bool
    """Whether all folds but this one are meant."""

    @classmethod
    def named(cls, split: str) -> Self | None:
        """The fold a split name means, None for other splits; InputError for one that cannot be."""
        match = _NAME.fullmatch(split)
        if match is None:
            return None
        number, total = int(match["number"]), int(match["total"])
        if not 1 <= number <= total or total < 2:
            raise InputError(f"split '{split}': folds are counted from 1, and there are two or more: as in {FORM}")
        return cls(number, total, rest=match["rest"] is not None)

    def holds(self, group: str) -> bool:
        """Whether the images of this group belong to it."""
        own = int(hashlib.sha256(group.encode()).hexdigest(), 16) % self.total == self.number - 1
        return own is not self.rest

    def examples(self, data: DataSet, task: Task, *, split: str) -> list[Example]:
        """Its examples, in the order of the splits they come from; `split` is the name they are asked for by."""
        from tasks.datasets.groups import groups_of_data

        every = list(_labelled(data, task))
        notes: list[str] = []
        groups = groups_of_data(data, every, notes).of
        if notes:  # without its groups, a patient would be on both sides
            raise InputError(f"{data.root} cannot be divided into folds: {'; '.join(notes)}")
        found = [replace(e, split=split) for e in every if self.holds(groups.get(e.image_id, e.image_id))]
        if not found:
            alone = {groups.get(e.image_id, e.image_id) for e in every}
            raise InputError(
                f"{data.root}: '{split}' is empty: {len(every)} examples of {task} with a reference, of {len(alone)} "
                "patients, articles or studies, are too few for so many folds: take fewer"
            )
        return found


def _labelled(data: DataSet, task: Task) -> Iterator[Example]:
    """All examples with a reference; InputError when an id stands in two splits."""
    seen: dict[str, str] = {}
    for split in data.splits(task):
        if split.startswith("synth_"):
            continue
        for example in data.examples(task, split):
            if example.reference is None:
                continue
            if example.image_id in seen:
                both = f"{seen[example.image_id]} and in {split}"
                raise InputError(
                    f"{data.root} cannot be divided into folds: '{example.image_id}' stands in {both}: keep one of them"
                )
            seen[example.image_id] = split
            yield example
