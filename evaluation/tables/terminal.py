"""Tables on a terminal, drawn by rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box, table
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from evaluation.tables.table import Cell, Table

WIDTH = 80
"""The columns of a terminal that the tables are made for."""
LEAST = 12
"""Letters that a column of texts keeps on a line when it is folded."""


def print_table(own: Table, console: Console, *, titled: bool = True) -> None:
    """Print the title, the rows, and the notes dimmed; close together where a terminal would be too narrow."""
    if titled:
        console.print(own.title, highlight=False, markup=False, soft_wrap=True)
    drawn = _drawn(own, padding=1)
    if console.measure(drawn, options=console.options.update(max_width=10_000)).maximum > max(console.width, WIDTH):
        drawn = _drawn(own, padding=0)
    print_whole(drawn, console)
    for note in own.notes:
        console.print(escape(note), style="dim", highlight=False, soft_wrap=True)


def print_whole(drawn: table.Table, console: Console) -> None:
    """Print the table, on a narrow terminal beyond its edge, where rich would crop numbers and leave out columns."""
    if console.width < WIDTH:
        drawn.width = console.measure(drawn, options=console.options.update(max_width=WIDTH)).maximum
    console.print(drawn, crop=False)


def _drawn(own: Table, *, padding: int) -> table.Table:
    drawn = table.Table(box=box.SIMPLE_HEAD, padding=(0, padding, 0, 0))
    columns = []
    for place, column in enumerate(own.columns):
        cells = [row[place] for row in own.rows]
        if column.numeric:
            drawn.add_column(Text(column.title, justify="right"), no_wrap=True)
            columns.append(_in_line(column.title, cells))
        else:
            least = max(map(cell_len, (column.title, *(cell.text for cell in cells))))
            drawn.add_column(escape(column.title), overflow="fold", min_width=min(LEAST, least))
            columns.append([_marked_up(cell) for cell in cells])
    for number, row in enumerate(zip(*columns, strict=True)):
        if number in own.sections:
            drawn.add_section()
        drawn.add_row(*row)
    return drawn


def _in_line(title: str, cells: Sequence[Cell]) -> list[str]:
    """The cells of a column of numbers as wide as each other, with room for marks, so that digits stand below digits.

    rich alone would put marks in the place of digits: it strips blanks at the end.
    """
    room = max((len(cell.marks) for cell in cells), default=0)
    width = max(cell_len(text) for text in (*title.split("\n"), *(f"{cell.text}{' ' * room}" for cell in cells)))
    return [f"{' ' * (width - room - cell_len(cell.text))}{_marked_up(cell)}" for cell in cells]


def _marked_up(cell: Cell) -> str:
    text = escape(cell.text)
    text = f"[bold]{text}[/bold]" if cell.best and text else text
    return f"{text}{escape(cell.marks)}"


def bare(number: float, sign: str = "") -> str:
    """Four decimals without a leading zero, so that a line fits on a terminal."""
    return f"{number:{sign}.4f}".replace("0.", ".", 1) if abs(number) < 1 else f"{number:{sign}.4f}"
