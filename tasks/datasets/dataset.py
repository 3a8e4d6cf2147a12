"""A data set: its parts, splits and examples, whatever the layout on disk.

A layout is a module with `read(root) -> DataSet | None`: it looks at names only and hands over parts,
each the rows of one task; a part reads its files when it is first asked. The split is told by the
file (`train_captions.csv`) or, in one file for all, by the id, as in the 2026 release:

    split_of("ImageCLEFmedical_Caption_2026_valid_17")              # "valid"
    split_of("ImageCLEFmedical_Caption_2026_synth_valid_000000")    # "synth_valid"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.datasets.folder import ImageFolder
from tasks.nouns import Example, InputError, Task

SPLITS = ("train", "valid", "test", "synth_train", "synth_valid", "synth_test")
ALIASES = {"val": "valid", "validation": "valid", "validate": "valid", "dev": "valid"}


@dataclass(frozen=True)
class Part:
    """The rows of one task in one place."""

    task: Task
    read: Callable[[], list[Example]]
    split: str | None = None
    """The split of all its rows; None when the ids tell, so that the part must be read to know."""

    def splits(self) -> Iterable[str]:
        """The splits its rows belong to."""
        return {self.split} if self.split else {example.split for example in self.read()}


def part(task: Task, read: Callable[[], list[Example]], split: str | None = None) -> Part:
    """A part that reads its files once."""
    return Part(task, cache(read), split)


@dataclass(frozen=True)
class DataSet:
    """Examples by task and split. Where two parts have the same split, the one listed first gives it."""

    root: Path
    layout: str
    parts: tuple[Part, ...]
    manual: tuple[Part, ...] = ()
    """Parts whose references are the manually curated concepts."""
    label_files: tuple[Path, ...] = ()
    """Files whose hashes identify the data."""
    vocabulary_files: tuple[Path, ...] = ()
    """Files of CUIs and their names found beside the data."""
    folders: tuple[ImageFolder, ...] = ()
    """Image folders in which every image should belong to an example."""
    notes: tuple[str, ...] = ()
    """What a user should know about how the data was read."""

    def splits(self, task: Task) -> tuple[str, ...]:
        """The splits that have examples of the task."""
        found = {split for part in self.parts if part.task is task for split in part.splits()}
        return tuple(sorted(found, key=lambda split: (SPLITS.index(split) if split in SPLITS else 99, split)))

    def examples(self, task: Task, split: str) -> list[Example]:
        """The examples of the split in their official order, images not yet read."""
        wanted = ALIASES.get(split, split)
        for part in self.parts:
            if part.task is task and part.split in {None, wanted}:
                examples = [example for example in part.read() if example.split == wanted]
                if examples:
                    return examples
        choices = ", ".join(self.splits(task)) or f"none: it has no data for {task}"
        raise InputError(f"{self.root} has no examples of split '{split}' for {task}: choose one of: {choices}")

    def secondary(self, split: str) -> dict[str, tuple[str, ...]]:
        """Image id -> manually curated concepts, for the secondary score; empty when there are none."""
        wanted = ALIASES.get(split, split)
        return {
            example.image_id: example.reference
            for part in self.manual
            if part.split in {None, wanted}
            for example in part.read()
            if example.split == wanted and isinstance(example.reference, tuple)
        }


def split_of(image_id: str) -> str:
    """The split an id names; `test` when it names none, as a folder of one's own images does not."""
    found = re.search(r"_(synth_)?(train|valid|test)_", image_id)
    return (found[1] or "") + found[2] if found else "test"
