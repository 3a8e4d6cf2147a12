"""A table as data. What it looks like is up to the forms: a terminal, Markdown, CSV, LaTeX (booktabs), HTML.

table = Table(
    title="Scores on 400 images",
    columns=(Column("run", numeric=False), Column("F1")),
    rows=((Cell("base"), Cell(0.51234, "0.512")), (Cell("tuned"), Cell(0.6, "0.600", best=True, marks="*"))),
    notes=("* differs from base, p < .05",),
)
write_tables(Path("scores.tex"), [table])
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    title: str
    numeric: bool = True
    """Numbers stand at the right, texts at the left."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value, and how it is shown."""

    value: str | float | None
    """What a CSV holds, with all digits; None where there is no value."""
    shown: str | None = None
    """What the other forms show; the value itself when None."""
    best: bool = False
    """The best of its column, in bold."""
    marks: str = ""
    """Superscripts, such as `*` or `a,c`, which a note explains."""
    link: str = ""
    """Where the cell leads to in HTML."""

    @property
    def text(self) -> str:
        """What a reader sees, without marks."""
        if self.shown is not None:
            return self.shown
        return "" if self.value is None else str(self.value)


@dataclass(frozen=True, slots=True)
class Table:
    """Some rows under a title, with notes below."""

    title: str
    """One sentence; the caption in LaTeX and HTML."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """Each as long as `columns`."""
    notes: tuple[str, ...] = ()
    sections: frozenset[int] = frozenset()
    """Numbers of rows, from 0, above which a rule stands."""
    label: str = ""
    """What LaTeX refers to it by, without `tab:`; none when empty."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells in a table of {len(self.columns)} columns")
