"""Tables in HTML, everything escaped."""

from __future__ import annotations

from html import escape

from evaluation.tables.table import Cell, Column, Table


def as_html(table: Table) -> str:
    """A `<figure>` with the table and its notes, to stand in a page; it scrolls by itself where it is too wide."""
    head = "".join(f'<th scope="col"{_kind(column)}>{escape(column.title)}</th>' for column in table.columns)
    rooms = [
        max((len(row[place].marks) for row in table.rows), default=0) if column.numeric else 0
        for place, column in enumerate(table.columns)
    ]
    rows = []
    for number, row in enumerate(table.rows):
        cells = "".join(
            f"<td{_kind(column)}>{_cell(cell, room=room)}</td>"
            for column, cell, room in zip(table.columns, row, rooms, strict=True)
        )
        rows.append(f'<tr class="rule">{cells}</tr>' if number in table.sections and number else f"<tr>{cells}</tr>")
    title = f"<caption>{escape(table.title)}</caption>\n" if table.title else ""
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    notes = f"<figcaption>{notes}</figcaption>\n" if notes else ""
    return (
        f'<figure class="table" tabindex="0">\n<table>\n{title}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table>\n{notes}</figure>"
    )


def _kind(column: Column) -> str:
    return ' class="number"' if column.numeric else ""


def _cell(cell: Cell, *, room: int) -> str:
    """The cell; in a column of numbers with marks each has the room of the longest, so that digits are in line."""
    text = escape(cell.text)
    text = f'<a href="{escape(cell.link)}">{text}</a>' if cell.link else text
    text = f"<strong>{text}</strong>" if cell.best and text else text
    if room and text:
        wide = f"display:inline-block;min-width:{room}ch;text-align:left"
        return f'{text}<sup style="{wide}">{escape(cell.marks)}</sup>'
    return f"{text}<sup>{escape(cell.marks)}</sup>" if cell.marks else text
