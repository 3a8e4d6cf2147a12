"""The JSON objects in a model's answer, also those that JSON forbids: nothing of a text is lost, nothing made up.

Mended are single and typographic quotes, quotes inside a text, line breaks, keys without quotes, Python's None,
comments, commas too many or too few, and braces and brackets that are missing at the end:

    [(found, _)] = objects("So: {'findings': 'The patient’s lungs, both, are “clear”.', labels: {Edema: no,}")
    found    # {"findings": "The patient’s lungs, both, are “clear”.", "labels": {"Edema": "no"}}

Of the libraries for this, json-repair 0.64.6 (MIT) loses words without telling: of {“findings”: “Clear lungs, no
effusion.”} it keeps "Clear lungs", of {Pleural Effusion: 1} the key "Effusion", and now and then part of a text that
holds quotes; json5 and demjson3 refuse an object without its last brace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_DOUBLE, _SINGLE = '"“”„', "'‘’"
_KEY = (
    rf"""(?:[{_DOUBLE}](?P<double>[^{_DOUBLE}\n]{{0,99}})[{_DOUBLE}]|"""
    rf"""[{_SINGLE}](?P<single>[^{_SINGLE}\n]{{0,99}})[{_SINGLE}])[ \t]{{0,9}}+:"""
)
_BARE_KEY = r"(?P<bare>[A-Za-z](?:[\w /().-]{0,98}[\w)])?)[ \t]{0,9}+:"
_ANY_KEY = re.compile(f"{_KEY}|{_BARE_KEY}")
_QUOTED_KEY = re.compile(_KEY)
_GAP = re.compile(r"(?:[\s,]|//[^\n]*)*+")
_SOME = "{0,99}+"
"""No more, so that the time does not grow with the square of the length."""
_ON = rf"(?:[\s,]|//[^\n]{_SOME}){_SOME}(?:\Z|[}}\]]|{_KEY})|\s{_SOME},\s{_SOME}{_BARE_KEY}"
_BEHIND = re.compile(_ON)
"""What follows a value of an object."""
_BEHIND_QUOTED = re.compile(rf"{_ON}\s{_SOME}[{{\[{_DOUBLE}{_SINGLE}]")
"""The same in an object whose keys have quotes: of `"clear", heart: large"` the second quote is no end."""
_BEHIND_ITEM = re.compile(rf"[\s,]{_SOME}(?:\Z|[}}\]{_DOUBLE}{_SINGLE}])|\s{_SOME},\s{_SOME}[\w.]{_SOME}\s*+[,\]]")
"""What follows an item of a list."""
_MARKS = {quotes: re.compile(rf"\\.|[{quotes}]", re.DOTALL) for quotes in (_DOUBLE, _SINGLE)}
_STOP = re.compile(r"[,\n}\]]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_HALF = re.compile("[\ud800-\udfff]")
_NOTHING = {"", "null", "none", "nan"}
_DEEPEST = 40


class Cut(str):
    """A text whose end is not marked: the answer stops in it, or several words stand without quotes."""

    __slots__ = ()


def objects(text: str) -> Iterator[tuple[dict[str, Any], slice]]:
    """The objects that stand in `text`, one behind the other, and where.

    What JSON itself can read is read by it; else words and numbers without quotes are texts.
    """
    decoder = json.JSONDecoder(strict=False)  # models write line breaks inside texts
    start = text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            reader = _Reader(text, start + 1)
            found, end = reader.object(0), reader.at
        yield found, slice(start, end)
        start = text.find("{", end)


def first_list(text: str) -> list[Any]:
    """The first list that stands in `text`, empty where there is none."""
    start = text.find("[")
    return _Reader(text, start + 1).items(0) if start >= 0 else []


def said(value: Any) -> str:
    """A value of a JSON object as text: a list's items and an object's entries one a line.

    Escapes of half a character, which no file can hold, become U+FFFD; two halves the character that they are.
    """
    if isinstance(value, dict):
        return "\n".join(f"{key}: {said(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return "\n".join(map(said, value))
    text = "" if value is None else str(value)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if _HALF.search(text) else text


def is_cut(value: Any) -> bool:
    """Whether a text in the value has no end."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, Cut) or any(map(is_cut, inner))


class _Reader:
    """Reads on from `at`; each part of the text is read once."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at

    def object(self, depth: int) -> dict[str, Any]:
        """From behind its brace to behind its end, or to where no key stands."""
        found: dict[str, Any] = {}
        while not self._ends("}"):
            key = _ANY_KEY.match(self.text, self.at)
            if key is None:
                break
            self.at = key.end()
            behind = _BEHIND if key["bare"] else _BEHIND_QUOTED
            found[_meant(key["double"] or key["single"] or key["bare"] or "")] = self._value(behind, depth)
        return found

    def items(self, depth: int) -> list[Any]:
        """From behind its bracket to behind its end, or to where the object goes on that it stands in."""
        found: list[Any] = []
        while not self._ends("]") and self.text[self.at : self.at + 1] not in {"", "}"}:
            if _QUOTED_KEY.match(self.text, self.at):
                break
            found.append(self._value(_BEHIND_ITEM, depth))
        return found

    def _ends(self, mark: str) -> bool:
        self.at = _end(_GAP.match(self.text, self.at))
        if not self.text.startswith(mark, self.at):
            return False
        self.at += 1
        return True

    def _value(self, behind: re.Pattern[str], depth: int) -> Any:
        if depth > _DEEPEST:
            self.at = len(self.text)
            return Cut()
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        first = self.text[self.at : self.at + 1]
        if first in {"{", "["}:
            self.at += 1
            return self.object(depth + 1) if first == "{" else self.items(depth + 1)
        quotes = next((quotes for quotes in _MARKS if first and first in quotes), None)
        return self._bare(behind) if quotes is None else self._text(_MARKS[quotes], behind)

    def _text(self, marks: re.Pattern[str], behind: re.Pattern[str]) -> str:
        """A text in quotes: one is its end when an object or a list goes on behind it."""
        start = self.at + 1
        for mark in marks.finditer(self.text, start):
            if len(mark[0]) == 1 and behind.match(self.text, mark.end()):
                self.at = mark.end()
                return _meant(self.text[start : mark.start()])
        self.at = len(self.text)
        return Cut(_meant(self.text[start:]))

    def _bare(self, behind: re.Pattern[str]) -> str | None:
        """A value without quotes, to where an object or a list goes on."""
        start, end = self.at, len(self.text)
        for stop in _STOP.finditer(self.text, start):
            if stop[0] in "}]" or behind is _BEHIND_ITEM or _BEHIND.match(self.text, stop.start()):
                end = stop.start()
                break
        self.at = end
        value = self.text[start:end].strip()
        if value.lower() in _NOTHING:
            return None
        return Cut(value) if " " in value else value


def _meant(text: str) -> str:
    """The text without escapes."""

    def one(escape: re.Match[str]) -> str:
        code = escape[1] or escape[2]
        return chr(int(code, 16)) if code else _MEANT.get(escape[3], escape[3])

    return _ESCAPE.sub(one, text) if "\\" in text else text


def _end(match: re.Match[str] | None) -> int:
    assert match is not None, "the pattern matches everywhere"
    return match.end()
