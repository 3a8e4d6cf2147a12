"""The fields of a JSON row, as strict as a submission needs them: ids and answers that are texts.

text_at({"caption": "A scan."}, "caption", "x.json: entry 1")     # "A scan."
text_at({"caption": None}, "caption", "x.json: entry 1")          # InputError: ... has 'None', not a text ...
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tasks.nouns import InputError

_SURROGATES = re.compile("[\ud800-\udfff]")


def text_at(row: Mapping[str, Any], key: str, where: str) -> str:
    """The text under `key`; InputError when there is none."""
    value = row.get(key)
    if not isinstance(value, str):
        said = "has no" if key not in row else f"has {str(value)[:40]!r}, not a text, as"
        raise InputError(f"{where} {said} {key!r}: give every image a text, an empty one if that is the answer")
    if _SURROGATES.search(value):
        raise InputError(f"{where}: {key!r} holds half of a surrogate pair, which is no character: correct the text")
    return value


def id_at(row: Any, keys: tuple[str, ...], where: str) -> str:
    """The image id under the first of `keys` that is there: a text, or a whole number as COCO has them."""
    value = next((row[key] for key in keys if key in row), None) if isinstance(row, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise InputError(f"{where}: no image id: give it as {keys[0]!r}, a text or a whole number")
    return text_at({"id": str(value)}, "id", where)


def labels_in(value: Any) -> dict[str, int | None] | None:
    """A report's labels; None when the value holds others than 1, 0, -1 and null."""
    if not isinstance(value, dict):
        return None
    known = all(label is None or (type(label) is int and label in (1, 0, -1)) for label in value.values())
    return value if known else None


def codes_in(value: Any) -> tuple[str, ...] | None:
    """A report's codes of ICD; None when the value is no list of texts."""
    known = isinstance(value, list) and all(isinstance(code, str) and code for code in value)
    return tuple(value) if known else None
