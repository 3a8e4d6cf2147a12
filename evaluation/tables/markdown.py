"""Tables in Markdown with pipes, as GitHub shows them."""

from __future__ import annotations

import re

from evaluation.tables.table import Cell, Column, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&])")


def as_markdown(table: Table) -> str:
    """The title in bold, the rows, the notes; ends with a line break."""
    lines = [
        f"**{escaped(table.title)}**",
        "",
        _line([escaped(column.title) for column in table.columns]),
        _line([_rule(column) for column in table.columns]),
        *(_line([_cell(cell) for cell in row]) for row in table.rows),
    ]
    for note in table.notes:
        lines += ["", escaped(note)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """The text on one line, with nothing that Markdown takes for a sign of its own."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(column: Column) -> str:
    return "---:" if column.numeric else "---"


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    text = f"**{text}**" if cell.best and text else text
    return f"{text}<sup>{escaped(cell.marks)}</sup>" if cell.marks else text
