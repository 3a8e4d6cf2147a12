"""Files that hold tables: the end of the name says the form.

write_tables(Path("scores.md"), [table])     # also .csv, .tex, .html
form_of(Path("scores.docx"))                 # InputError: ... end the name in .md, .csv, .tex or .html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evaluation.pages.page import html_page
from evaluation.tables.html import as_html
from evaluation.tables.latex import as_latex
from evaluation.tables.markdown import as_markdown
from evaluation.tables.table import Table
from tasks.files import as_csv, write_whole
from tasks.nouns import InputError

Form = Callable[[Sequence[Table]], str]


def as_one_csv(tables: Sequence[Table]) -> str:
    """Values with all their digits; several tables stand below one another, an empty line between them."""
    parts = [
        as_csv([column.title for column in own.columns], [[cell.value for cell in row] for row in own.rows])
        for own in tables
    ]
    return "\n".join(parts)


def _page(tables: Sequence[Table]) -> str:
    shown = "\n".join(map(as_html, tables))
    return html_page(tables[0].title, f'<main>\n<h1 class="unseen">Tables</h1>\n{shown}\n</main>')


FORMS: Mapping[str, Form] = {
    ".md": lambda tables: "\n".join(map(as_markdown, tables)),
    ".csv": as_one_csv,
    ".tex": lambda tables: "\n".join(map(as_latex, tables)),
    ".html": _page,
}


def form_of(path: Path) -> Form:
    """The form that the name's end stands for; InputError when it stands for none."""
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path}: no form of table ends in '{path.suffix}': end the name in .md, .csv, .tex or .html")
    return form


def write_tables(path: Path, tables: Sequence[Table]) -> None:
    """Write the tables, at least one, to a file in the form its name says."""
    write_whole(path, form_of(path)(tables))
