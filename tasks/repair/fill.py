"""What `--fill` names for images without an answer: `empty`, a text, CUIs, or another submission.

parse_fill("C0040405;C0817096", mender=mender, names=names)("..._test_7")     # ("C0040405", "C0817096")
"""

from __future__ import annotations

import re
from pathlib import Path

from tasks.nouns import InputError, Report, Task, Value
from tasks.repair.changes import Record
from tasks.repair.names import Names
from tasks.repair.row import Row
from tasks.repair.rows import Fill, same
from tasks.repair.sources import read_source
from tasks.repair.values import NO_ANSWER, Mender

_FILE = re.compile(r"\.(csv|tsv|txt|zip|jsonl?|parquet)$", re.IGNORECASE)
_EMPTY: dict[Task, Value] = {Task.CONCEPTS: (), Task.CAPTIONS: "", Task.REPORTS: Report("", "")}


def parse_fill(text: str, *, mender: Mender, names: Names) -> Fill:
    """The answers that `text` names; InputError when it cannot be one."""
    task = mender.edition.task
    if text == "empty":
        return lambda _: _EMPTY[task]
    if not text.strip():
        raise InputError("--fill names nothing: give `empty` for empty answers, a text, CUIs or a file")
    if (path := Path(text)) and _exists(path):
        return _from_file(path, mender, names)
    if _FILE.search(text.strip()):
        raise InputError(f"--fill {text}: there is no such file: check the path")
    scratch = Mender(mender.edition, Record(), mender.vocabulary)
    value = scratch.mend(Report(text, "") if task is Task.REPORTS else text, line=None, image_id="--fill")
    if value is None or (task is Task.CONCEPTS and (not value or text.strip().lower() in NO_ANSWER)):
        said = scratch.record.problems[0].message if scratch.record.problems else "no CUI"
        raise InputError(f"--fill {text[:80]!r}: {said}: give `empty`, CUIs such as C0040405;C0817096, or a file")
    return lambda _: value


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text too long for a name
        return False


def _from_file(path: Path, mender: Mender, names: Names) -> Fill:
    scratch = Mender(mender.edition, Record(), mender.vocabulary, mender.keep_concepts)
    try:
        source = read_source(path, edition=mender.edition, names=names, record=scratch.record)
    except InputError as error:
        raise InputError(f"--fill {error}") from error
    rows: dict[str, list[Row]] = {}
    for row in source.rows:
        if row.value is not None and (image_id := names.of(row.name)) is not None:
            rows.setdefault(image_id, []).append(row)
    if not rows:
        raise InputError(f"--fill {path}: none of its ids is in the id list: give another submission for these images")

    def fill(image_id: str) -> Value | None:
        found = [scratch.mend(row.value, line=row.line, image_id=image_id) for row in rows.get(image_id, ())]
        first = found[0] if found else None
        agree = first is not None and all(value is not None and same(first, value) for value in found)
        return first if agree else None

    return fill
