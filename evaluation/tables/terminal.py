"""Tables on a terminal, drawn by rich."""

from __future__ import annotations

from rich import box, table
from rich.console import Console
from rich.markup import escape

from evaluation.table import print_whole
from evaluation.tables.table import Cell, Table


def print_table(own: Table, console: Console) -> None:
    """Print the title, the rows, and the notes dimmed."""
    console.print(own.title, highlight=False, markup=False, soft_wrap=True)
    drawn = table.Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in own.columns:
        right = column.numeric
        drawn.add_column(escape(column.title), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for number, row in enumerate(own.rows):
        if number in own.sections:
            drawn.add_section()
        drawn.add_row(*map(_marked_up, row))
    print_whole(drawn, console)
    for note in own.notes:
        console.print(escape(note), style="dim", highlight=False, soft_wrap=True)


def _marked_up(cell: Cell) -> str:
    text = escape(cell.text)
    text = f"[bold]{text}[/bold]" if cell.best and text else text
    return f"{text}{escape(cell.marks)}"
