"""The record of a finished run, and the references that its data set has for the images it answered.

read_record(Path("submissions/concept_detection/base"))["edition"]      # 2026
gold = references_of_run(Path("submissions/concept_detection/base"))    # None when there are no references
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.inputs.references import References
from tasks.datasets import open_dataset
from tasks.datasets.dataset import DataSet
from tasks.datasets.groups import groups_of_data
from tasks.datasets.table import read_table
from tasks.nouns import Example, InputError, Task

SCHEMA = 1
"""The version of run.json that is read here."""


def read_record(folder: Path) -> dict[str, Any]:
    """The run's record; InputError when the folder is not one of a finished run."""
    path = folder / "run.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = {"edition", "finished"} <= record.keys() and isinstance(record["task"], str)
        whole = whole and all(isinstance(record["data"][key], str) for key in ("path", "split"))
        whole = whole and record["task"] in {task.value for task in Task} and int(record["edition"]) > 0
    except FileNotFoundError:
        raise InputError(f"{folder} holds no run.json: give a submission file, or the folder of a run") from None
    except (ValueError, AttributeError, TypeError, KeyError):
        whole = False
    if not whole:
        raise InputError(f"{path} is not the record of a run: give another folder, or the submission file")
    if (schema := record.get("schema", SCHEMA)) != SCHEMA:
        raise InputError(
            f"{path} is of version {schema}, this program reads version {SCHEMA}: use the version that wrote it "
            "(sessions, git), or give the submission file"
        )
    if not record["finished"]:
        raise InputError(f"{folder}: the run is not finished: resume it first: {resume_command(record)}")
    return record


def resume_command(record: Mapping[str, Any]) -> str:
    """The command that started the run's last session."""
    sessions = record.get("sessions") or [{}]
    return shlex.join(map(str, sessions[-1].get("command", ()))) or "the command that started it"


class Split(NamedTuple):
    """A data set, and the examples of one of its splits."""

    dataset: DataSet
    examples: Mapping[str, Example]
    """By image id, in the official order."""


def read_split(data: str, task: Task, split: str) -> Split:
    """A split of the data set at a path, or of one with a name; InputError when there is none."""
    dataset = open_dataset(data)
    return Split(dataset, {example.image_id: example for example in dataset.examples(task, split)})


def references_of_run(folder: Path, reading: Callable[[str, Task, str], Split] = read_split) -> References | None:
    """The references of the images a finished run answered; None when its data set has none for them.

    `reading` is `read_split`, or the same with a memory, which serves several runs on the same data.
    """
    record = read_record(folder)
    task, data = Task.of(record["task"]), record["data"]
    if data.get("with_reference") == 0:
        return None  # said by the run, so that a large test set need not be read again to know
    dataset, examples = reading(data["path"], task, data["split"])
    answered = tuple(read_table(folder / "predictions.csv").rows)
    own = [e for i in answered if (e := examples.get(i)) is not None and e.reference is not None]
    if not own:
        return None
    notes = []
    gold = sum(e.reference is not None for e in examples.values())
    if len(own) < gold:
        notes.append(
            f"the run answers only {len(own)} of the {gold} images of {data['split']}: not comparable with full runs"
        )
    failed = len(record.get("failures", ()))
    if failed:
        notes.append(f"{failed} images failed and are scored as what the submission holds for them")
    groups = groups_of_data(dataset, own, notes)
    return References(
        {e.image_id: ("",) if e.reference == () else e.reference for e in own if e.reference is not None},
        answered,
        dataset.secondary(data["split"]) if task is Task.CONCEPTS else {},
        groups=groups.of,
        grouped_by=groups.title,
        images={e.image_id: e.image for e in own},
        vocabulary_files=dataset.vocabulary_files,
        notes=tuple(notes),
        concepts_of_data=partial(_concepts, dataset, data["split"]),
    )


def _concepts(dataset: DataSet, split: str) -> dict[str, tuple[str, ...]]:
    """The concepts of the split's images; of none where the data set has none."""
    if not dataset.has(Task.CONCEPTS, split):
        return {}
    found = {example.image_id: example.reference for example in dataset.examples(Task.CONCEPTS, split)}
    return {image_id: value for image_id, value in found.items() if isinstance(value, tuple)}
