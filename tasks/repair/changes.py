"""What a repair changed and what it could not mend, by kind.

Kinds are the codes of `tasks.problems` where the check has one, and a few of a repair's own:

    record = Record()
    record.change("cui-case", line=3, image_id="..._test_1", before="c0040405", after="C0040405")
    record.counts                   # {"cui-case": 1}
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tasks.nouns import Problem
from tasks.problems import CODES

KINDS = {
    "form": "rows taken from another form (JSON, Parquet, a journal, other column names) and written as the table",
    "layout": "quotes, line ends or the order of columns written as the edition has them, the content as it was",
    "zip": "the table taken out of a zip that was not as asked",
    "encoding": "text turned into UTF-8",
    "bom": "byte order mark removed",
    "blank-line": "blank line removed",
    "delimiter": "columns separated by the edition's delimiter",
    "header-missing": "header put on top",
    "header-form": "header written as the edition has it",
    "header-unwanted": "header removed, the edition has none",
    "header-repeated": "repeated header removed",
    "columns-few": "an empty value put after an id that stood alone",
    "columns-many": "a value that its own delimiters had cut put together again",
    "columns-extra": "a column that is neither id nor value left out",
    "quote-open": "a double quote that was never closed removed",
    "id-space": "white space or marks round an id removed",
    "id-file-ending": "folder and ending of an image file removed from an id",
    "id-case": "an id written with the capitals of the id list",
    "id-duplicate": "a second row of an image removed",
    "id-unknown": "a row removed whose id is not in the list, when no image lacked a row",
    "id-order": "rows put in the order of the id list",
    "id-missing": "a row that was missing filled with what --fill names",
    "cui-case": "a CUI written with a capital C",
    "cui-separator": "CUIs separated as the edition does, brackets and quotes removed",
    "cui-space": "white space in a list of CUIs removed",
    "cui-empty": "an empty entry of a list of CUIs removed",
    "cui-duplicate": "a CUI that stood twice kept once",
    "cui-name": "names of concepts replaced by their CUIs of the vocabulary",
    "cui-form": "digits of other scripts in a CUI written as 0 to 9",
    "cui-too-many": "CUIs over the edition's number removed",
    "mojibake": "wrongly decoded characters mended",
    "line-break": "line breaks in a text replaced by a blank",
    "control-character": "control and line separator characters in a text replaced by a blank",
    "text-space": "white space at the ends of a text removed, runs of it made one blank",
    "labels": "labels and codes of a report left out, for which neither the table nor ReXrank's form has a place",
    "delimiter-inside": "the delimiter in a text replaced by a blank, the edition has no quotes",
}
"""Kind of change -> what is done."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a repair did."""

    kind: str
    line: int | None
    """Physical line of the input, 1-based; None when the whole file is meant or the form has no lines."""
    image_id: str | None
    before: str
    after: str
    """What stands there now, empty when it was removed."""


@dataclass(slots=True)
class Record:
    """The changes made so far, and what could not be mended."""

    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def change(
        self, kind: str, *, before: str, after: str = "", line: int | None = None, image_id: str | None = None
    ) -> None:
        """Note a change."""
        assert kind in KINDS, kind
        self.changes.append(Change(kind, line, image_id, before, after))

    def refuse(
        self, code: str, message: str, *, line: int | None = None, image_id: str | None = None, fix: str = ""
    ) -> None:
        """Note what cannot be mended without inventing something; the mend of the code unless `fix` says more."""
        self.problems.append(Problem("error", code, line, image_id, message, fix or CODES[code].fix))

    @property
    def counts(self) -> dict[str, int]:
        """Kind -> number of changes, in the order of `KINDS`."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in KINDS if kind in found}

    def to_json(self) -> list[dict[str, Any]]:
        """The changes as `changes.json` has them."""
        # Not `asdict`, which copies each text deeply.
        names = Change.__slots__
        return [{name: getattr(change, name) for name in names} for change in self.changes]
