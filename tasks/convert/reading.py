"""The answers of a file in any of the forms this room knows; its form is seen from its content.

A table, or the zip that holds it, is read by the rules of its edition, but by the delimiter that it has; blanks round
an id and a header such as `image_id,caption`, or none, are no obstacle:

    read_answers(Path("submission.zip"), edition=load_edition(2026, Task.CAPTIONS))     # {"..._test_0": "A scan.", ...}
    read_answers(Path("results.json"), edition=load_edition(2026, Task.CAPTIONS))       # the same from COCO's results
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tasks.check import TITLES
from tasks.convert.coco import read_annotations, read_results
from tasks.convert.jsonl import read_rows
from tasks.convert.rexrank import read_predictions
from tasks.documents import read_documents
from tasks.editions import Edition
from tasks.ids import require_same
from tasks.nouns import InputError, Task, Value
from tasks.submission import read_submission
from tasks.upload import read_text

MARKS = "\t|;,"
_HEADS = {"cuis": Task.CONCEPTS, "caption": Task.CAPTIONS, "findings": Task.REPORTS}


def read_answers(path: Path, *, edition: Edition) -> dict[str, Value]:
    """The answers by image id, in the order of the file; `path` may also be the folder of a run."""
    path = path / edition.zip_member if path.is_dir() else path
    text = read_text(path, member=edition.zip_member)
    start = text.lstrip()[:1]
    answers = _read_json(text, path, edition.task) if start in {"{", "["} else _read_table(text, path, edition)
    if not answers:
        raise InputError(f"{path} holds no answer: give a file with at least one row")
    return answers


def read_alike(paths: Sequence[Path], *, edition: Edition) -> list[dict[str, Value]]:
    """The answers of several files to the same images, in the order of the first; InputError where one lacks an id."""
    systems = [read_answers(path, edition=edition) for path in paths]
    first = systems[0]
    for path, answers in zip(paths, systems, strict=True):
        require_same(paths[0], first, path, answers)
    return [{image_id: answers[image_id] for image_id in first} for answers in systems]


def _read_table(text: str, path: Path, edition: Edition) -> dict[str, Value]:
    _refuse_other_task(text.partition("\n")[0], path, edition.task)
    answers = read_submission(path, edition=_as_written(text.partition("\n")[0], edition))
    header = next(iter(answers), "")
    if header.lower() in TITLES:
        del answers[header]
    if answers.get("") == ():  # a line of blanks
        del answers[""]
    foreign = next((image_id for image_id in answers if any(mark in image_id for mark in MARKS)), None)
    if foreign is not None:
        raise InputError(
            f"{path}: the id {foreign[:80]!r} holds a delimiter: separate the columns of all rows as on the first line"
        )
    return answers


def _refuse_other_task(head: str, path: Path, task: Task) -> None:
    """InputError when the first line is a header that names another task's answers."""
    cells = [cell.strip(' "\r').lower() for cell in re.split(f"[{MARKS}]", head)]
    named = _HEADS.get(cells[1]) if len(cells) > 1 and cells[0] in TITLES else None
    if named not in {None, task}:
        raise InputError(f"{path}: {head.strip()[:80]!r} are answers to {named}: {_mend(named)}")


def _as_written(head: str, edition: Edition) -> Edition:
    """The edition with the delimiter of the file: as no id holds one, it is the first on the first line.

    A comma or `;` that is not the edition's own goes with quotes, a tab or bar without.
    """
    mark = next((character for character in head if character in MARKS), edition.delimiter)
    own = mark in {edition.delimiter, edition.other_delimiter}
    quoted = edition.quoted if own else mark in ",;"
    return replace(edition, header="optional", delimiter=mark, other_delimiter="", quoted=quoted)


def _read_json(text: str, path: Path, task: Task) -> dict[str, Value]:
    entries = read_documents(text, str(path), strict=True)
    document = entries[0].content
    if entries[0].line is not None or _is_row(document):
        return read_rows(entries, path, task)
    if isinstance(document, list):
        _only(Task.CAPTIONS, task, path, "COCO results")
        return read_results(document, path)
    if "annotations" in document:
        _only(Task.CAPTIONS, task, path, "COCO annotations")
        return read_annotations(document, path)
    _only(Task.REPORTS, task, path, "ReXrank predictions")
    return read_predictions(document, path)


def _mend(task: Task | None) -> str:
    return f"give another file, or --task {task} where the command has it"


def _only(wanted: Task, task: Task, path: Path, what: str) -> None:
    if task is not wanted:
        raise InputError(f"{path} looks like {what}, which are answers to {wanted}: {_mend(wanted)}")


def _is_row(document: object) -> bool:
    """Whether a lone document is a JSONL file of one line."""
    if not isinstance(document, dict) or "annotations" in document:
        return False
    return not all(isinstance(value, dict) for value in document.values())
