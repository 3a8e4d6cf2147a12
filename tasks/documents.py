"""JSON as other programs write it: one document, or one on each line, with the line it stands on.

`convert` must not lose anything and refuses; `repair` goes on and says what it saw. The caller decides by `strict`:

                                    strict           or else
    a key that stands twice         InputError       the object's pairs, as a list
    the torn last line of a run     InputError       `Torn`
    what is no JSON                 InputError       InputError

    read_documents('[{"id": "a"}]', "x.json", strict=True)                   # [Entry(None, [{"id": "a"}])]
    read_documents('{"id": "a"}\\n{"id": "b"}\\n', "x.jsonl", strict=True)     # [Entry(1, {"id": "a"}), Entry(2, ...)]
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NamedTuple

from tasks.nouns import InputError

_JOURNAL = {"image_id", "status", "value"}


class Entry(NamedTuple):
    """A document and where it stands."""

    line: int | None
    """Physical line, 1-based; None when the document is the whole text."""
    content: Any


class Torn(str):
    """What a killed run has written of its last line."""

    __slots__ = ()


def is_journal(content: object) -> bool:
    """Whether a document is a line of a run's journal."""
    return isinstance(content, dict) and content.keys() >= _JOURNAL


def read_documents(text: str, where: str, *, strict: bool) -> list[Entry]:
    """The document that the text is, or those on its lines; InputError when it is no JSON."""
    text = text.lstrip("\ufeff")
    try:
        return [Entry(None, _load(text, where, strict=strict))]
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":  # what follows a first document
            raise InputError(_said(error, f"{where}:{error.lineno}")) from error
    except (ValueError, RecursionError) as error:
        raise InputError(_said(error, where)) from error
    entries: list[Entry] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entries.append(Entry(number, _load(line, f"{where}:{number}", strict=strict)))
        except (ValueError, RecursionError) as error:
            torn = number == len(lines) and bool(entries) and all(is_journal(entry.content) for entry in entries)
            if strict or not torn:
                raise InputError(_said(error, f"{where}:{number}")) from error
            entries.append(Entry(number, Torn(line)))
    return entries


def _load(text: str, where: str, *, strict: bool) -> Any:
    """One document; the pairs of an object in which a key stands twice, as none of them may be lost unseen."""
    twice: list[str] = []

    def whole(pairs: list[tuple[str, Any]]) -> Any:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        twice.append(Counter(key for key, _ in pairs).most_common(1)[0][0])
        return [list(pair) for pair in pairs]

    document = json.loads(text, object_pairs_hook=whole)
    if twice and strict:
        raise InputError(f"{where}: the key {twice[0][:80]!r} stands twice: keep one answer for each image")
    return document


def _said(error: Exception, where: str) -> str:
    why = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply or holds too long a number"
    return f"{where} is not JSON ({why}): give the whole file, as it was written, or mend the place"
