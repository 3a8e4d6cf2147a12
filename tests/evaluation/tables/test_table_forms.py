"""Tables in their forms, each read back by a parser of its own: what stood in a cell comes out, whatever it holds."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from evaluation.tables.forms import FORMS, form_of, write_tables
from evaluation.tables.html import as_html
from evaluation.tables.markdown import as_markdown
from evaluation.tables.table import Cell, Column, Table
from evaluation.tables.terminal import print_table
from tasks.nouns import InputError

NASTY = "50% of C_1 \\ {a} $x$ #1 & ~^ | <b>*no*</b> `q` [l](u) <script>alert(1)</script> é α 漢 -- ''"
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp", "Cn", "Co")), max_size=30).map(
    lambda text: " ".join(text.split())
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
tables = st.builds(
    lambda title, names, cells, best: Table(
        title=title,
        columns=(Column("run", numeric=False), Column("value")),
        rows=tuple(
            (Cell(name), Cell(value, f"{value:.4f}", best=best)) for name, value in zip(names, cells, strict=False)
        ),
    ),
    texts.filter(bool),
    st.lists(texts, min_size=1, max_size=4),
    st.lists(numbers, min_size=1, max_size=4),
    st.booleans(),
)


class Read(HTMLParser):
    """The texts of an HTML table's parts, and every tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[list[str]] = []
        self.caption: list[str] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in {"td", "th"}:
            self.cells[-1].append("")
        if tag in {"td", "th", "caption"}:
            self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "caption":
            self.caption.append(data)
        elif self.inside:
            self.cells[-1][-1] += data


def of_markdown(text: str) -> tuple[list[list[str]], list[str]]:
    """The cells of the tables, without marks of emphasis, and the paragraphs."""
    cells: list[list[str]] = []
    paragraphs: list[str] = []
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    for before, token in pairwise(tokens):
        if token.type == "tr_open":
            cells.append([])
        if token.type == "inline":
            shown = "".join(one.content for one in token.children or () if one.type in {"text", "code_inline"})
            assert before.type in {"th_open", "td_open", "paragraph_open"}, before.type
            (paragraphs if before.type == "paragraph_open" else cells[-1]).append(shown)
    return cells, paragraphs


def shown(table: Table) -> list[list[str]]:
    return [[column.title for column in table.columns], *([cell.text for cell in row] for row in table.rows)]


@given(tables)
def test_html_gives_every_cell_back_and_no_tag_of_theirs(table: Table) -> None:
    read = Read(as_html(table))
    assert read.cells == shown(table)
    assert "".join(read.caption) == table.title
    assert read.tags <= {"figure", "table", "caption", "thead", "tbody", "tr", "th", "td", "strong"}


@given(tables)
def test_markdown_gives_every_cell_back(table: Table) -> None:
    cells, paragraphs = of_markdown(as_markdown(table))
    assert cells == shown(table)
    assert paragraphs == [table.title]


@given(tables)
def test_csv_gives_every_value_back_with_all_digits(table: Table) -> None:
    header, *rows = csv.reader(io.StringIO(FORMS[".csv"]([table]), newline=""))
    assert header == ["run", "value"]
    assert [(name, float(value)) for name, value in rows] == [(row[0].value, row[1].value) for row in table.rows]


def test_a_nasty_text_in_every_form() -> None:
    table = Table(NASTY, (Column(NASTY), Column("n")), ((Cell(NASTY, best=True, marks="*"), Cell(1)),), notes=(NASTY,))
    cells, paragraphs = of_markdown(as_markdown(table))
    assert cells == [[NASTY, "n"], [f"{NASTY}*", "1"]]
    assert paragraphs == [NASTY, NASTY]
    page = FORMS[".html"]([table])
    read = Read(page)
    assert read.cells == [[NASTY, "n"], [f"{NASTY}*", "1"]]
    assert "script" not in read.tags and "b" not in read.tags
    assert next(csv.reader(io.StringIO(FORMS[".csv"]([table])))) == [NASTY, "n"]


def test_numbers_stand_at_the_right_the_best_in_bold_with_marks() -> None:
    rows = ((Cell("a"), Cell(0.5, "0.500")), (Cell("b"), Cell(0.75, "0.750", best=True, marks="a,c")))
    table = Table("Scores", (Column("run", numeric=False), Column("F1")), rows, notes=("a note",))
    assert "| --- | ---: |" in as_markdown(table)
    assert "| b | **0.750**<sup>a,c</sup> |" in as_markdown(table)
    html = as_html(table)
    assert '<th scope="col" class="number">F1</th>' in html
    assert re.search(r'<strong>0.750</strong><sup style="[^"]*min-width:3ch[^"]*">a,c</sup>', html)
    assert re.search(r'0.500<sup style="[^"]*min-width:3ch[^"]*"></sup>', html)  # its digits stand below those


def test_the_terminal_keeps_digits_below_digits_and_all_columns() -> None:
    rows = tuple((Cell(f"run {n}"), *(Cell(0.5, "0.5000", marks="*" * (n % 2)),) * 9) for n in range(3))
    table = Table("[b]Scores", (Column("run", numeric=False), *[Column("score")] * 9), rows, sections=frozenset({1}))
    console = Console(width=40, record=True, file=io.StringIO())
    print_table(table, console)
    title, *lines = console.export_text().splitlines()
    assert title == "[b]Scores"
    starred = next(line for line in lines if "run 1" in line)
    plain = next(line for line in lines if "run 0" in line)
    assert starred.count("0.5000*") == 9
    assert starred.replace("*", " ").replace("run 1", "run 0") == plain


def test_sections_are_parted_by_a_rule() -> None:
    rows = tuple((Cell(str(n)),) for n in range(4))
    table = Table("t", (Column("n"),), rows, sections=frozenset({0, 2}))
    assert as_html(table).count('<tr class="rule">') == 1
    assert '<tr class="rule"><td class="number">2</td></tr>' in as_html(table)


def test_several_tables_go_into_one_file(tmp_path: Path) -> None:
    first = Table("One", (Column("a"),), ((Cell(1),),))
    second = Table("Two", (Column("b"), Column("c")), ((Cell(None), Cell(float("nan"), "–")),))
    for ending in FORMS:
        write_tables(tmp_path / "new" / f"all{ending.upper()}", [first, second])
        text = (tmp_path / "new" / f"all{ending.upper()}").read_text(encoding="utf-8")
        if ending == ".csv":
            assert text == "a\n1\n\nb,c\n,\n"
        else:
            assert text.index("One") < text.index("Two")
    assert Read((tmp_path / "new" / "all.HTML").read_text(encoding="utf-8")).cells == [
        ["a"],
        ["1"],
        ["b", "c"],
        ["", "–"],
    ]


@pytest.mark.parametrize("name", ["table.docx", "table", ".md"])
def test_an_unknown_form_is_refused_before_anything_is_written(name: str) -> None:
    with pytest.raises(InputError, match=r"end the name in \.md, \.csv, \.tex or \.html"):
        form_of(Path(name))


def test_a_row_of_another_length_is_no_table() -> None:
    with pytest.raises(ValueError, match="a row of 1 cells in a table of 2 columns"):
        Table("t", (Column("a"), Column("b")), ((Cell(1),),))
