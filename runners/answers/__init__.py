"""From what a model wrote to a value of its task, and from a value to the text of a table."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.concepts import Vocabulary
from tasks.nouns import Report, Task, Value
from tasks.reports.text import format_report, parse_report


class AnswerError(Exception):
    """The model's text is no answer to the task; the message says why."""


def parse_answer(
    text: str, *, task: Task, vocabulary: Vocabulary | None, edits: Sequence[str] = ()
) -> tuple[Value, tuple[str, ...]]:
    """The value that `text` gives (CUIs, a caption on one line, a report) and the terms that no CUI has.

    `edits` are the steps that changed it before. Raises AnswerError for an empty caption, for a text that is no report
    and for one of which `strip_echo` left nothing: an empty string must not hide a failure. No concepts at all is a
    legal answer.
    """
    if edits and not text:
        raise AnswerError("the model wrote nothing but the prompt or marks of its template")
    if task is Task.CONCEPTS:
        if vocabulary is None:
            raise ValueError("task 1 needs a vocabulary")
        answer = vocabulary.answer(text)
        return answer.cuis, answer.unmapped
    if task is Task.CAPTIONS:
        caption = " ".join(text.split())
        if not caption:
            raise AnswerError("the model wrote nothing")
        return caption, ()
    try:
        return parse_report(text), ()
    except ValueError as error:
        raise AnswerError(str(error)) from None


def empty_value(task: Task) -> Value:
    """What stands in the submission for an image without a prediction."""
    empty: dict[Task, Value] = {Task.CONCEPTS: (), Task.CAPTIONS: "", Task.REPORTS: Report("", "")}
    return empty[task]


def value_text(value: Value | None) -> str:
    """A value as one cell of a table."""
    if value is None:
        return ""
    if isinstance(value, Report):
        return format_report(value)
    return value if isinstance(value, str) else ";".join(value)
