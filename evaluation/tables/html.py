"""Tables in HTML, everything escaped."""

from __future__ import annotations

from html import escape

from evaluation.tables.table import Cell, Column, Table


def as_html(table: Table) -> str:
    """A `<figure>` with the table and its notes, to stand in a page."""
    head = "".join(f'<th scope="col"{_kind(column)}>{escape(column.title)}</th>' for column in table.columns)
    rows = []
    for number, row in enumerate(table.rows):
        cells = "".join(
            f"<td{_kind(column)}>{_cell(cell)}</td>" for column, cell in zip(table.columns, row, strict=True)
        )
        rows.append(f'<tr class="rule">{cells}</tr>' if number in table.sections and number else f"<tr>{cells}</tr>")
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    return (
        f'<figure class="table">\n<table>\n<caption>{escape(table.title)}</caption>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table>\n<figcaption>{notes}</figcaption>\n</figure>"
    )


def _kind(column: Column) -> str:
    return ' class="number"' if column.numeric else ""


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    text = f'<a href="{escape(cell.link)}">{text}</a>' if cell.link else text
    text = f"<strong>{text}</strong>" if cell.best and text else text
    return f"{text}<sup>{escape(cell.marks)}</sup>" if cell.marks else text
