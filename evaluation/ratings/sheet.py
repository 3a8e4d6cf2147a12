"""A blind rating sheet: which studies, in which order, under which codes, and the tables.

Studies are a simple random sample, the same for all systems. Every text has a code of its own that tells nothing; the
order of studies, and within a study that of systems, is another for each rater, so that neither tiredness nor being
first favours a system. All draws are SHA-256 of the seed and what is drawn, the same on any machine:

    rows = draw(material, n=50, seed=0)
    rows[0]                                         # Row("KXWTBR", "CXR1", "knn", {"Findings": ..., "Impression": ...})
    sheet_table(for_rater(rows, rater=1, seed=0), items)     # code,study,findings,impression,overall,errors,...
    key_table(rows)                                 # code,system,study: what the raters must not see
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.ratings.items import Item
from evaluation.ratings.material import Material, sections
from tasks.reports.disclaimer import DISCLAIMER

KEY = ("code", "system", "study")
"""The columns of the key."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels and no digits: no words, no numbers such as 1E5, no dates that a spreadsheet would make of them."""
_LENGTH = 6
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Row:
    """One text to rate."""

    code: str
    study: str
    system: str
    sections: dict[str, str]
    """Title -> text."""


def draw(material: Material, *, n: int, seed: int) -> list[Row]:
    """The texts of `n` studies (all, when there are fewer), by study and in the order of the systems."""
    studies = sorted(material.ids, key=lambda study: _drawn(seed, "study", study))[:n]
    rows: list[Row] = []
    taken: set[str] = set()
    for study in studies:
        for system, texts in material.systems.items():
            code = _code(seed, study, system, taken)
            taken.add(code)
            rows.append(Row(code, study, system, sections(texts[study])))
    return rows


def for_rater(rows: Sequence[Row], *, rater: int, seed: int) -> list[Row]:
    """The rows in the order of one rater: study by study, the systems of each mixed anew."""
    return sorted(rows, key=lambda row: (_drawn(seed, "order", rater, row.study), _drawn(seed, rater, row.code)))


def sheet_table(rows: Sequence[Row], items: Sequence[Item]) -> str:
    """A CSV for a spreadsheet, the cells of the items empty."""
    titles = [title.lower() for title in rows[0].sections]
    header = ["code", "study", *titles, *(item.name for item in items)]
    return _table(header, ([row.code, row.study, *row.sections.values(), *("" for _ in items)] for row in rows))


def key_table(rows: Sequence[Row]) -> str:
    """Which system wrote the text of each code."""
    return _table(KEY, ([row.code, row.system, row.study] for row in rows))


def instructions(items: Sequence[Item]) -> str:
    """What raters who fill in the CSV have to know, as plain text."""
    lines = [
        DISCLAIMER,
        "",
        "Fill in rater-N.html in a browser, which saves your ratings as a file, or the columns of rater-N.csv in a",
        "spreadsheet: save that as CSV (UTF-8). Leave the codes as they are. Rate every text on its own; which program",
        "or person wrote it you are not told. The columns:",
    ]
    for item in items:
        lines += ["", f"{item.name}: {item.question}"]
        lines += [f"    {level}    {meaning}".rstrip() for level, meaning in item.levels.items()]
    return "\n".join(lines) + "\n"


def safe_cell(text: str) -> str:
    """The text as a spreadsheet shows it: an apostrophe in front of what it would take for a formula.

    CSV injection: owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def plain_cell(cell: str) -> str:
    """The text that `safe_cell` made this cell of."""
    return cell[1:] if cell.startswith("'") and safe_cell(cell[1:]) == cell else cell


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """CSV with the byte order mark by which Excel knows UTF-8."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return "\ufeff" + table.getvalue()


def _code(seed: int, study: str, system: str, taken: set[str]) -> str:
    """A code that is not taken yet."""
    attempt = 0
    while True:
        number = int(_drawn(seed, "code", study, system, attempt), 16)
        letters = []
        for _ in range(_LENGTH):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        if (code := "".join(letters)) not in taken:
            return code
        attempt += 1


def _drawn(*what: Any) -> str:
    """A number drawn for this, as hexadecimal digits that sort like it."""
    return hashlib.sha256(repr(what).encode("utf-8", "surrogatepass")).hexdigest()
