"""LaTeX: every text compiles and is printed as it stands, tables stay within the page."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.tables.latex import LONG, UNKNOWN, as_latex, latex_text
from evaluation.tables.table import Cell, Column, Table

HEAD = (
    r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}"
    r"\usepackage{lmodern,textcomp,amssymb,booktabs,graphicx}\pdfcompresslevel=0" + "\n"
)
NASTY = "50% of C_1 \\input{x} {a} $x$ #1 & ~^ | <b> \"q\" 'r' `s' ?` -- é ș ﬁ α β² µm ≥ ± → “c” … 漢 🙂 \u200b\u2011 %"


def compiled(body: str, folder: Path) -> tuple[Path, str]:
    """The PDF of a document with this body, and what pdflatex said."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (folder / "all.tex").write_text(f"{HEAD}\\begin{{document}}\n{body}\n\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(
        command, check=False, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", timeout=120
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return folder / "all.pdf", done.stdout


def printed(pdf: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    command = ["pdftotext", "-layout", "-enc", "UTF-8", str(pdf), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@given(st.text(max_size=40))
def test_no_character_is_a_command(text: str) -> None:
    encoded = latex_text(text)
    assert encoded.isascii() and "\n" not in encoded
    bare = re.sub(r"\\[{}%$#&_]", "", encoded)
    assert not set("%#&_^~") & set(re.sub(r"\\[\^~]", "", bare))
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") == 0


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_a_backslash_begins_only_commands_of_ours(text: str) -> None:
    words = set(re.findall(r"\\([a-zA-Z]+)", latex_text(text)))
    assert words <= {"textbackslash", "textasciitilde", "textasciicircum", "ensuremath", "textquotedbl"}


def test_what_has_no_command_is_a_question_mark_or_loses_its_accent() -> None:
    assert latex_text("漢") == UNKNOWN
    assert latex_text("ș ﬁ 𝐱") == "s fi x"
    assert latex_text("a\u200bb\x07\ud800") == "ab"
    assert latex_text(" a \n b ") == "a b"


def test_signs_are_not_joined() -> None:
    assert latex_text("a--b ''c'' ?`") == "a-{}-b '{}'c'{}' ?{}`"


def test_nasty_texts_are_printed_as_they_stand(tmp_path: Path) -> None:
    rows = ((Cell(NASTY, best=True, marks="a,b"), Cell(0.5, "0.5")), (Cell("50%_of_#1 & {C\\D} ~^"), Cell(1, "1.0")))
    table = Table(NASTY, (Column("C_1 %", numeric=False), Column("F_1")), rows, notes=(NASTY,), label="a-b")
    pdf, _ = compiled(f"{as_latex(table)}\n{latex_text(NASTY)}", tmp_path)
    text = printed(pdf)
    assert "50%_of_#1 & {C\\D} ~^" in text.replace("˜", "~").replace("ˆ", "^")
    assert "\\input{x}" in text and "C_1 %" in text


def test_every_character_of_europe_and_mathematics_compiles(tmp_path: Path) -> None:
    ranges = [*range(0x20, 0x500), *range(0x1E00, 0x2400), *range(0xFB00, 0xFB07)]
    chars = [chr(c) for c in ranges if unicodedata.category(chr(c)) != "Cn"]
    compiled("\n\n".join(f"U{ord(char):04X} {latex_text(f'x{char}y')}" for char in chars), tmp_path)


def test_booktabs_the_best_in_bold_and_marks_raised() -> None:
    rows = ((Cell("a_1"), Cell(0.5, "0.500")), (Cell("b"), Cell(0.75, "0.750", best=True, marks="a,c")))
    table = Table("50% (n = 3)", (Column("run", numeric=False), Column("F1")), rows, ("p < .05",), label="scores")
    lines = as_latex(table).splitlines()
    assert [line for line in lines if "rule" in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"\begin{tabular}{lr}" in lines and r"\caption{50{\%} (n = 3)}" in lines and r"\label{tab:scores}" in lines
    assert r"a{\_}1 & 0.500\textsuperscript{\phantom{a,c}} \\" in lines
    assert r"b & \textbf{0.750}\textsuperscript{a,c} \\" in lines
    below = Table("t", (Column("n"), Column("run", numeric=False)), ((Cell(-0.5), Cell("-x")),))
    assert r"\ensuremath{-}0.5 & -x \\" in as_latex(below)
    assert not any("resizebox" in line for line in lines)


def test_a_wide_table_is_shrunk_to_the_text(tmp_path: Path) -> None:
    columns = (Column("run", numeric=False), *(Column(f"factuality_surrogate_{n}") for n in range(8)))
    table = Table("wide", columns, (tuple(Cell("a long name of a run") for _ in columns),))
    assert r"\resizebox{\linewidth}{!}{%" in as_latex(table)
    _, said = compiled(as_latex(table), tmp_path)
    assert "Overfull \\hbox" not in said


def test_a_long_table_is_parted_between_its_sections(tmp_path: Path) -> None:
    rows = tuple((Cell(f"run {n}"), Cell(n)) for n in range(100))
    table = Table(
        "long", (Column("run", numeric=False), Column("n")), rows, ("the note",), frozenset(range(0, 100, 10))
    )
    source = as_latex(table)
    parts = source.split(r"\begin{table}")[1:]
    assert [len(re.findall(r"^run \d", part, re.MULTILINE)) for part in parts] == [40, 40, 20]
    assert [part.count(r"\midrule") for part in parts] == [4, 4, 2]  # below the head, and between sections
    assert source.count("(continued)") == 2 and source.count("the note") == 1 and "the note" in parts[-1]
    plain = as_latex(Table("long", table.columns, rows, label="x"))
    assert plain.count(r"\begin{table}") == -(-100 // LONG) and plain.count(r"\label") == 1
    pdf, said = compiled(source, tmp_path)
    assert "too large for page" not in said
    assert "run 99" in printed(pdf)


def test_an_empty_table_compiles(tmp_path: Path) -> None:
    compiled(as_latex(Table("none", (Column("run", numeric=False), Column("n")), ())), tmp_path)
