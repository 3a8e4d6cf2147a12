"""How long the references are on average, to compare a submission with.

Any table of the task's references does whose first column is the id: captions, reports in two columns, or CUIs between
`;`. Only the mean is taken, so the images need not be those of the submission:

    reference_length(Path("train_captions.csv"), Task.CAPTIONS)     # 20.4 words
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tasks.ids import HEADER
from tasks.nouns import InputError, Task
from tasks.upload import read_records, read_text

_TITLES = {
    **dict.fromkeys(("cui", "cuis", "concept", "concepts"), Task.CONCEPTS),
    **dict.fromkeys(("caption", "captions"), Task.CAPTIONS),
    **dict.fromkeys(("finding", "findings", "impression"), Task.REPORTS),
}
"""Title of the second column in lower case -> the task whose references it has."""
_CUIS = re.compile(r"\s*C\d+(\s*;\s*C\d+)*[\s;]*")


def reference_length(path: Path, task: Task) -> float:
    """The mean number of words (of CUIs) of the references that are not empty.

    InputError when there are none, or they are those of another task.
    """
    text = read_text(path, member=path.with_suffix(".csv").name)
    head = text.partition("\n")[0]
    delimiter = next((mark for mark in "\t|," if mark in head), ",")
    rows = [record.fields for record in read_records(text, delimiter) if record.fields]
    titles: list[str] = []
    if rows and HEADER.fullmatch(rows[0][0].strip()):
        titles, rows = rows[0], rows[1:]
    last = 3 if task is Task.REPORTS else 2
    answers = [answer for row in rows if (answer := " ".join(row[1:last])).strip()]
    if not answers:
        raise InputError(f"{path} holds no references: give a table of ids and {task} answers, such as ID,Caption")
    _refuse_another_task(path, titles, answers, task)
    separator = ";" if task is Task.CONCEPTS else None
    return sum(len(answer.split(separator)) for answer in answers) / len(answers)


def _refuse_another_task(path: Path, titles: Sequence[str], answers: Sequence[str], task: Task) -> None:
    """The title of the column tells, else whether most answers are CUIs; captions and reports look alike."""
    title = titles[1].strip() if len(titles) > 1 else ""
    named = _TITLES.get(title.lower())
    if named is not None:
        another, said = named is not task, f"its column {title!r} holds answers to {named}"
    else:
        cuis = 2 * sum(_CUIS.fullmatch(answer) is not None for answer in answers) > len(answers)
        another, said = cuis != (task is Task.CONCEPTS), f"its answers are {'CUIs' if cuis else 'texts'}"
    if another:
        raise InputError(f"{path} holds no references of {task}: {said}; give --references a table of the same task")
