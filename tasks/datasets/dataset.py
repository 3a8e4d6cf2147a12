"""A data set: its parts, splits and examples, whatever the layout on disk.

A layout is a module with `read(root) -> DataSet | None`: it looks at names only and hands over parts,
each the rows of one task; a part reads its files when it is first asked. The split is told by the
file (`train_captions.csv`) or, in one file for all, by the id, as in the 2026 release:

    split_of("ImageCLEFmedical_Caption_2026_valid_17")              # "valid"
    split_of("ImageCLEFmedical_Caption_2026_synth_valid_000000")    # "synth_valid"

Beside its own splits every data set has those of cross-validation (`tasks.datasets.folds`), and each split of reports a
form without the masks of de-identification (`tasks.reports.masking`); neither is listed:

    data.examples(Task.REPORTS, "fold-1-of-5")
    data.examples(Task.REPORTS, "without-masks-train")[0].reference     # Report without a word XXXX, nor in its context
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tasks.datasets.folder import ImageFolder
from tasks.datasets.folds import FORM, Fold
from tasks.nouns import Example, InputError, Report, Task
from tasks.reports.masking import without_masks

SPLITS = ("train", "valid", "test", "synth_train", "synth_valid", "synth_test")
ALIASES = {"val": "valid", "validation": "valid", "validate": "valid", "dev": "valid"}
WITHOUT_MASKS = "without-masks-"
"""Before the name of a split: its reports without XXXX."""


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
    notes: Sequence[str] = ()
    """What a user should know about how the data was read; it may grow as splits are read."""
    restricted: str = ""
    """Why outputs made from this data may not be passed on: its name and licence; empty for free data."""

    def splits(self, task: Task) -> tuple[str, ...]:
        """The splits that have examples of the task."""
        found = {split for part in self.parts if part.task is task for split in part.splits()}
        return tuple(sorted(found, key=lambda split: (SPLITS.index(split) if split in SPLITS else 99, split)))

    def has(self, task: Task, split: str) -> bool:
        """Whether the task's examples can be asked for by this name: a split by any of its names, or a fold."""
        own = split.removeprefix(WITHOUT_MASKS) if task is Task.REPORTS else split
        splits = self.splits(task)
        return ALIASES.get(own, own) in splits or (bool(splits) and Fold.named(own) is not None)

    def examples(self, task: Task, split: str) -> list[Example]:
        """The examples of the split in their official order, images not yet read."""
        if task is Task.REPORTS and split.startswith(WITHOUT_MASKS):
            return _without_masks(self.examples(task, split.removeprefix(WITHOUT_MASKS)), split)
        if fold := Fold.named(split):
            return fold.examples(self, task, split=split)
        wanted = ALIASES.get(split, split)
        for part in self.parts:
            if part.task is task and part.split in {None, wanted}:
                examples = [example for example in part.read() if example.split == wanted]
                if examples:
                    return examples
        splits = self.splits(task)
        choices = f"{', '.join(splits)}, or a fold such as {FORM}" if splits else f"none: it has no data for {task}"
        raise InputError(f"{self.root} has no examples of split '{split}' for {task}: choose one of: {choices}")

    def secondary(self, split: str) -> dict[str, tuple[str, ...]]:
        """Image id -> manually curated concepts, for the secondary score; empty when there are none."""
        wanted = ALIASES.get(split, split)
        fold = {e.image_id for e in self.examples(Task.CONCEPTS, split)} if self.manual and Fold.named(split) else None
        return {
            example.image_id: example.reference
            for part in self.manual
            if fold is not None or part.split in {None, wanted}
            for example in part.read()
            if (example.split == wanted if fold is None else example.image_id in fold)
            and isinstance(example.reference, tuple)
        }


def _without_masks(examples: Iterable[Example], split: str) -> list[Example]:
    """The examples, called of `split`, without masks in references and context; none whose report held nothing else."""
    found = []
    for example in examples:
        reference = example.reference
        if isinstance(reference, Report):
            findings, impression = without_masks(reference.findings), without_masks(reference.impression)
            if (reference.findings or reference.impression) and not (findings or impression):
                continue
            reference = replace(reference, findings=findings, impression=impression)
        context = {name: kept for name, text in example.context.items() if (kept := without_masks(text))}
        found.append(replace(example, split=split, reference=reference, context=context))
    return found


def split_of(image_id: str) -> str:
    """The split an id names; `test` when it names none, as a folder of one's own images does not."""
    found = re.search(r"_(synth_)?(train|valid|test)_", image_id)
    return (found[1] or "") + found[2] if found else "test"
