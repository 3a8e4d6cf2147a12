"""The mends of one answer: CUIs, texts and reports. None means that it was refused, with the reason in the record.

mender = Mender(load_edition(2026, Task.CONCEPTS), Record())
mender.mend("['c0040405', 'C0817096']", line=2, image_id="..._test_0")      # ("C0040405", "C0817096")
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from tasks.concepts import Vocabulary
from tasks.convert.rexrank import unglued
from tasks.editions import Edition
from tasks.nouns import CUI, Report, Task, Value
from tasks.repair.changes import Record
from tasks.repair.redecode import redecoded
from tasks.repair.row import Cell
from tasks.reports.text import format_report, parse_report
from tasks.submission import NO_TEXT, one_line
from tasks.upload import FIELD_LIMIT

_LIST = re.compile(r"(?:C[0-9]+(?:;C[0-9]+)*)?")
_BETWEEN = re.compile(r"[\s;,|\[\](){}'\"]+")
NO_ANSWER = {"nan", "none", "null", "<na>", "n/a"}
"""What programs write for a value that is not there; none of it is a CUI."""
_PASSES = 5
_HOPELESS = 8
"""Times the limit of a field that no mend makes short enough."""


@dataclass(frozen=True)
class Mender:
    """The rules for one file."""

    edition: Edition
    record: Record
    vocabulary: Vocabulary | None = None
    keep_concepts: bool = False
    """Keep the first CUIs of a list that is too long."""

    def mend(self, value: Cell, *, line: int | None, image_id: str) -> Value | None:
        """The answer as the edition has it; None when that would need invention."""
        note = _Note(self.record, line, image_id)
        if self.edition.task is Task.CONCEPTS:
            return self._cuis(value, note)
        if self.edition.task is Task.REPORTS:
            return self._report(value, note)
        if not isinstance(value, str):
            found = ", ".join(value) if isinstance(value, tuple) else str(value)
            note.refuse("form", f"{found[:80]} is no text", "give one text for each image")
            return None
        return self._text(value, note)

    def _report(self, value: Cell, note: _Note) -> Report | None:
        if isinstance(value, str):
            try:
                found = parse_report(unglued(value))
            except ValueError:
                found = Report(value, "")
            if value.strip():
                note.change("form", value, format_report(found))
            value = found
        if not isinstance(value, Report):
            note.refuse("form", f"{str(value)[:80]} is no report", "give findings and impression")
            return None
        findings, impression = self._text(value.findings, note), self._text(value.impression, note)
        if findings is None or impression is None:
            return None
        if value.labels or value.icd:
            note.change("labels", format_report(replace(value, findings="", impression="")), "")
        return Report(findings, impression)

    def _text(self, text: str, note: _Note) -> str | None:
        """The text on one line, in characters that were meant; its words stay."""
        for _ in range(_PASSES if len(text) < _HOPELESS * FIELD_LIMIT else 0):
            # A lone U+0085 is a line end here, ftfy takes it for the ellipsis of Windows-1252.
            if (fixed := redecoded(text)) not in {text, text.replace("\x85", "…")}:
                note.change("mojibake", text, fixed)
                text = fixed
            line = one_line(text if self.edition.quoted else text.replace(self.edition.delimiter, " "))
            if line == text:
                break
            for kind in self._kinds(text):
                note.change(kind, text, line)
            text = line
        if len(text) > FIELD_LIMIT:
            note.refuse("field-too-large", f"a text of {len(text)} characters, the limit is {FIELD_LIMIT}")
            return None
        return text

    def _kinds(self, text: str) -> list[str]:
        """What is in the text that one line cannot have."""
        kinds = ["line-break"] if "\n" in text or "\r" in text else []
        if NO_TEXT.search(re.sub("[\t\n\r]", "", text)):
            kinds.append("control-character")
        if not self.edition.quoted and self.edition.delimiter in text:
            kinds.append("delimiter-inside")
        return kinds or ["text-space"]

    def _cuis(self, value: Cell, note: _Note) -> tuple[str, ...] | None:
        if value is None or isinstance(value, Report):
            note.refuse("form", f"{value} is no list of CUIs", "give CUIs")
            return None
        separator = self.edition.cui_separator
        written = value if isinstance(value, str) else separator.join(value)
        cuis = tuple(written.split(separator)) if written and _LIST.fullmatch(written) else ()
        if cuis or not written:
            kinds: list[str] = []
        else:
            tokens = [token for token in _BETWEEN.split(written) if token]
            clean = [_digits(token).upper() for token in tokens]
            if all(map(CUI.fullmatch, clean)):
                kinds, cuis = list(self._kinds_of_list(written, tokens)), tuple(clean)
            else:
                named = self._named(written, note)
                if named is None:
                    return None
                kinds, cuis = ["cui-name"], named
        once = tuple(dict.fromkeys(cuis))
        if len(once) < len(cuis):
            kinds.append("cui-duplicate")
        for kind in kinds:
            note.change(kind, written, separator.join(once))
        return self._few(once, note)

    def _kinds_of_list(self, written: str, tokens: list[str]) -> list[str]:
        """What is wrong with a list that holds nothing but CUIs."""
        bare = written
        for mark in "[](){}'\"":
            bare = bare.replace(mark, "")
        entries = [entry.strip() for entry in re.split(r"[;,|]", bare)]
        kinds = {
            "cui-case": any(token[:1] == "c" for token in tokens),
            "cui-form": any(_digits(token) != token for token in tokens),
            "cui-separator": bare != written
            or any(m in bare for m in ",|")
            or any(len(e.split()) > 1 for e in entries),
            "cui-empty": "" in entries and (len(entries) > 1),
            "cui-space": bool(re.search(r"\s", bare)),
        }
        return [kind for kind, found in kinds.items() if found]

    def _named(self, written: str, note: _Note) -> tuple[str, ...] | None:
        """The CUIs of a list with names in it."""
        if self.vocabulary is None:
            wrong = [e.strip() for e in written.split(";") if not CUI.fullmatch(e.strip().upper())]
            fix = "write CUIs such as C0040405, or give --vocabulary when these are names of concepts"
            note.refuse("cui-format", f"no CUI: {', '.join(wrong)[:120]}", fix)
            return None
        cuis: list[str] = []
        unmapped: list[str] = []
        for entry in self._entries(written):
            if CUI.fullmatch(_digits(entry).upper()):
                cuis.append(_digits(entry).upper())
            else:
                answer = self.vocabulary.answer(entry)
                cuis += answer.cuis
                unmapped += answer.unmapped or ([] if answer.cuis else [entry])
        if unmapped:
            fix = "correct or remove the name; `imageclef concepts map` lists all that are unknown"
            note.refuse("cui-format", f"not in the vocabulary: {', '.join(unmapped)[:120]}", fix)
            return None
        return tuple(cuis)

    def _entries(self, written: str) -> list[str]:
        """The entries of a list: names may hold commas, CUIs never do."""
        entries = [entry.strip(" \t\r[](){}'\"") for entry in re.split(r"[;\n|]", written)]
        found: list[str] = []
        for entry in filter(None, entries):
            parts = [part.strip(" \t'\"") for part in entry.split(",")]
            mixed = any(CUI.fullmatch(_digits(part).upper()) for part in parts)
            found += [part for part in parts if part] if mixed else [entry]
        return found

    def _few(self, cuis: tuple[str, ...], note: _Note) -> tuple[str, ...] | None:
        most = self.edition.max_cuis
        if len(cuis) > most and not self.keep_concepts:
            fix = "give --keep-concepts first to keep the first ones, or choose them yourself"
            note.refuse("cui-too-many", f"{len(cuis)} CUIs, the evaluator takes {most}", fix)
            return None
        if len(cuis) > most:
            separator = self.edition.cui_separator
            note.change("cui-too-many", separator.join(cuis), separator.join(cuis[:most]))
            cuis = cuis[:most]
        if sum(map(len, cuis)) + len(cuis) > FIELD_LIMIT:
            note.refuse("field-too-large", f"a list of CUIs longer than {FIELD_LIMIT} characters")
            return None
        return cuis


@dataclass(frozen=True, slots=True)
class _Note:
    """The record at one row."""

    record: Record
    line: int | None
    image_id: str

    def change(self, kind: str, before: str, after: str) -> None:
        self.record.change(kind, before=before, after=after, line=self.line, image_id=self.image_id)

    def refuse(self, code: str, message: str, fix: str = "") -> None:
        self.record.refuse(code, message, line=self.line, image_id=self.image_id, fix=fix)


def _digits(token: str) -> str:
    """The token with digits of other scripts as 0 to 9."""
    if token.isascii():
        return token
    return "".join(str(unicodedata.decimal(c, c)) for c in token)
