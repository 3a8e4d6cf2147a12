"""Tables in LaTeX with booktabs, and texts that LaTeX prints as they stand.

latex_text("50% of C_1 \\ α")    # 50{\\%} of C{\\_}1 {\\textbackslash} {\\ensuremath{\\alpha}}
as_latex(table)                 # \\begin{table} ... \\toprule ... \\end{table}
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from evaluation.tables.table import Cell, Table

if TYPE_CHECKING:
    from pylatexenc.latexencode import UnicodeToLatexEncoder

UNKNOWN = r"\textbf{?}"
"""What stands for a character that LaTeX has no command for."""
PRINTED = ((0x20, 0x24F), (0x370, 0x3FF), (0x2000, 0x214F), (0x2190, 0x22FF))
"""The characters whose commands, but for `STRANGE`, are those of LaTeX with T1 fonts, textcomp and amssymb."""
STRANGE = frozenset("ŉƕƞΐϒ‑ℋℐℒℛℬℰℱℳ↜↝⇅⇵∟∬∭∯∰∱∻∾≆≋≌≙≛≸≹⊧⊨⊫⊶⊷⊹⊾⋘⋙⋨⋰")
"""Those whose commands need further packages."""
_LIGATURE = re.compile(r"(?<=[-'`?!,])(?=[-'`,])")
"""Where two signs would be printed as one, such as -- as a dash."""
_MINUS = re.compile(r"^-(?=\.?\d)")
"""The sign of a negative number, which would be printed as a hyphen."""
WIDE = 75
"""Letters of a row, with two for each gap, from which a table is shrunk to the width of the text."""
LONG = 45
"""Rows from which a table is parted, as a floating table cannot go on over the page."""


def latex_text(text: str) -> str:
    """The text on one line, for the body of a document: no character of it is a command.

    A character without a command is printed without its accents, or as a bold question mark.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return "{}".join("".join(map(_encoded, part)) for part in _LIGATURE.split(plain))


def as_latex(table: Table) -> str:
    """Floating tables, one or as many as its rows need; the packages booktabs and graphicx. Ends with a line break."""
    marks = _widest_marks(table)
    return "\n".join(_floating(table, part, marks=marks) for part in _parts(table))


def _parts(table: Table) -> list[range]:
    """The rows in parts that fit on a page, whole sections together where they do."""
    parts = [range(0)]
    for start, end in pairwise(sorted({0, *table.sections, len(table.rows)})):
        for first in range(start, end, LONG):
            last = min(first + LONG, end)
            if last - parts[-1].start <= LONG:
                parts[-1] = range(parts[-1].start, last)
            else:
                parts.append(range(first, last))
    return parts


def _floating(table: Table, part: range, *, marks: Sequence[str]) -> str:
    """The rows of a part as one floating table."""
    first, last = part.start == 0, part.stop == len(table.rows)
    lines = [
        r"\begin{table}[tb]",
        r"\centering",
        rf"\caption{{{latex_text(table.title)}{'' if first else ' (continued)'}}}",
    ]
    if table.label and first:
        lines.append(rf"\label{{tab:{table.label}}}")
    wide = _width(table) > WIDE
    columns = "".join("r" if column.numeric else "l" for column in table.columns)
    lines += [r"\resizebox{\linewidth}{!}{%"] * wide
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [_line([latex_text(column.title) for column in table.columns]), r"\midrule"]
    for number in part:
        if number in table.sections and number != part.start:
            lines.append(r"\midrule")
        cells = zip(table.rows[number], marks, strict=True)
        lines.append(_line([_cell(cell, room=room) for cell, room in cells]))
    lines += [r"\bottomrule", r"\end{tabular}" + "}" * wide]
    if table.notes and last:
        notes = " ".join(map(latex_text, table.notes))
        lines.append(rf"\par\smallskip\parbox{{\linewidth}}{{\footnotesize {notes}}}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _width(table: Table) -> int:
    """The letters of the widest row, had each column its widest cell, with two for each gap."""
    widest = [len(column.title) for column in table.columns]
    for row in table.rows:
        widest = [max(most, len(one.text) + len(one.marks) // 2) for most, one in zip(widest, row, strict=True)]
    return sum(most + 2 for most in widest)


def _widest_marks(table: Table) -> list[str]:
    """Of each column of numbers the longest marks, whose room every cell keeps so that digits stand below digits."""
    return [
        max((row[place].marks for row in table.rows), key=len, default="") if column.numeric else ""
        for place, column in enumerate(table.columns)
    ]


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell, *, room: str) -> str:
    text = _MINUS.sub(r"\\ensuremath{-}", latex_text(cell.text))
    text = rf"\textbf{{{text}}}" if cell.best and text else text
    marks = latex_text(cell.marks)
    if text and len(room) > len(cell.marks):
        marks += rf"\phantom{{{latex_text(room[len(cell.marks) :])}}}"
    return rf"{text}\textsuperscript{{{marks}}}" if marks else text


@cache
def _encoded(char: str) -> str:
    """One character as LaTeX reads it; nothing of what is not seen."""
    if unicodedata.category(char) in {"Cc", "Cf", "Cs"}:
        return ""
    if char not in STRANGE and any(low <= ord(char) <= high for low, high in PRINTED):
        encoded: str = _encoder().unicode_to_latex(char)
        if encoded != UNKNOWN:
            return encoded
    parts = unicodedata.normalize("NFKD", char)
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return UNKNOWN if plain == char else "".join(map(_encoded, plain))


@cache
def _encoder() -> UnicodeToLatexEncoder:
    from pylatexenc.latexencode import UnicodeToLatexEncoder

    return UnicodeToLatexEncoder(
        replacement_latex_protection="braces-all", unknown_char_policy=lambda _: UNKNOWN, unknown_char_warning=False
    )
