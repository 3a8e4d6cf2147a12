"""Tables in LaTeX with booktabs, and texts that LaTeX prints as they stand.

latex_text("50% of C_1 \\ α")    # 50\\% of C\\_1 \\textbackslash{} \\ensuremath{\\alpha}
as_latex(table)                 # \\begin{table} ... \\toprule ... \\end{table}
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from evaluation.tables.table import Cell, Table

if TYPE_CHECKING:
    from pylatexenc.latexencode import UnicodeToLatexEncoder

UNKNOWN = r"\textbf{?}"
"""What stands for a character that LaTeX has no command for."""


def latex_text(text: str) -> str:
    """The text on one line, for the body of a document: no character of it is a command."""
    encoded: str = _encoder().unicode_to_latex(" ".join(text.split()))
    return encoded


def as_latex(table: Table) -> str:
    """A floating table; needs the package booktabs. Ends with a line break."""
    columns = "".join("r" if column.numeric else "l" for column in table.columns)
    lines = [r"\begin{table}[tb]", r"\centering", rf"\caption{{{latex_text(table.title)}}}"]
    if table.label:
        lines.append(rf"\label{{tab:{table.label}}}")
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [_line([latex_text(column.title) for column in table.columns]), r"\midrule"]
    for number, row in enumerate(table.rows):
        if number in table.sections and number:
            lines.append(r"\midrule")
        lines.append(_line([_cell(cell) for cell in row]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    for note in table.notes:
        lines.append(rf"\par\smallskip{{\footnotesize {latex_text(note)}}}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    text = latex_text(cell.text)
    text = rf"\textbf{{{text}}}" if cell.best and text else text
    return rf"{text}\textsuperscript{{{latex_text(cell.marks)}}}" if cell.marks else text


@cache
def _encoder() -> UnicodeToLatexEncoder:
    from pylatexenc.latexencode import UnicodeToLatexEncoder

    return UnicodeToLatexEncoder(
        replacement_latex_protection="braces-all", unknown_char_policy=lambda _: UNKNOWN, unknown_char_warning=False
    )
