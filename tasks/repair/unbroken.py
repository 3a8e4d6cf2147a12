"""Lines of a text that stands in a table without quotes, put back to the row that they belong to.

A line that starts with no id of the list is the rest of the text above it, unless it may be a row under an unknown id:
that is refused, in words, and nothing of it is lost:

    a_1,A chest scan       ->    a_1,"A chest scan\\nshows a mass."
    shows a mass.                a_2,Normal.
    a_2,Normal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tasks.nouns import Task
from tasks.repair.names import bare
from tasks.repair.readings import Frame, Reading
from tasks.upload import Record


def unbroken(data: Sequence[Record], header: Sequence[str], reading: Reading, frame: Frame) -> Iterator[Record]:
    """The records, where lines of a text without quotes are put back to it, or refused when they could be another's."""
    if frame.edition.task is Task.CONCEPTS or reading.id_at or reading.found < len(frame.names.ids):
        yield from data
        return
    held: Record | None = None
    rest: list[Record] = []
    for record in data:
        known = reading.knows(record, frame.names)
        if held and not known and [bare(cell) for cell in record.fields] != header and _is_prose(record, frame):
            rest.append(record)
            continue
        if held:
            yield from _put_back(held, rest, frame, certain=known)
            held, rest = None, []
        if known:
            held = record
        else:
            yield record
    if held:
        yield from _put_back(held, rest, frame, certain=False)


def _is_prose(record: Record, frame: Frame) -> bool:
    """Whether a line that begins with no id of the list is words rather than a row under an unknown id."""
    name, rest, known = bare(record.fields[0]), record.fields[1:2], frame.names.ids[0]
    stem = re.split(r"[^A-Za-z]", known)[0][:8]
    if stem and re.match(stem + ("" if len(stem) == 8 else "(?![a-z])"), name, re.IGNORECASE):
        return False
    return _is_word(name, known) or not rest or rest[0][:1].isspace()


def _is_word(name: str, known: str) -> bool:
    """Whether a first field is words: it holds a blank, or no digit where ids end in one."""
    return " " in name or (known[-1:].isdigit() and not any(map(str.isdigit, name)))


def _put_back(held: Record, rest: Sequence[Record], frame: Frame, *, certain: bool) -> Iterator[Record]:
    """A row with the lines that follow it; only lines before the next image's row are its own for certain."""
    for record in rest:
        name, value = bare(record.fields[0]), record.fields[1:2]
        ours = held.fields[1:2]
        # `other, text` may be a row under an unknown id, above all where ids and texts are separated so.
        follows = not value or (value[0][:1].isspace() and bool(ours) and not ours[0][:1].isspace())
        starts = record.fields[0].lstrip("\"'“‘( ")[:1].isalnum()
        certain = certain and bool(ours) and starts and _is_word(name, frame.names.ids[0]) and (" " in name or follows)
    if certain and rest:
        lines = [frame.lines[record.line - 1] for record in rest]
        held = Record(held.line, [*held.fields[:-1], "\n".join([held.fields[-1], *lines])])
    yield held
    if certain:
        return
    fix = "put double quotes round the whole text of the image, or remove the line"
    for record in rest:
        message = f"no id of the list: {frame.lines[record.line - 1][:80]!r} may be the rest of the text above"
        frame.log.refuse("id-unknown", message, line=record.line, image_id=frame.names.of(held.fields[0]), fix=fix)
