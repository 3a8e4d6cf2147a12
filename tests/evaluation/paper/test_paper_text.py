"""Texts in LaTeX: nothing is a command, long words break, tables hold what they are given."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evaluation.paper.text import as_code, as_tex, dense, in_words, key_values, listed
from evaluation.tables.latex import UNKNOWN

COMMAND = re.compile(r"\\(?:[A-Za-z]+\*?|.)")
FORMULA = re.compile(r"\\ensuremath\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
"""What stands for one character, such as `\\ensuremath{^0}` for a raised zero: `^` and `_` have a meaning there."""


@given(st.text())
@example("\u2070 \u2082")
def test_no_special_character_is_left(text: str) -> None:
    shown = as_tex(text)
    outside = FORMULA.sub("", shown)
    assert not re.search(
        r"[%#&$_^~]", re.sub(r"\\[%#&$_]", "", COMMAND.sub(lambda m: m[0] if m[0][1] in "%#&$_" else "", outside))
    )
    assert "\n" not in shown
    assert not any(unicodedata.category(c) == "Cc" for c in shown)
    depth = 0
    for mark in re.findall(r"(?<!\\)(?:\\\\)*[{}]", shown):
        depth += 1 if mark.endswith("{") else -1
        assert depth >= 0
    assert depth == 0


@given(st.text(alphabet="abc%_\\{}^~ ", min_size=1))
def test_what_a_hostile_text_writes_is_no_command(text: str) -> None:
    allowed = {"textbackslash", "allowbreak", "textasciicircum", "textasciitilde"}
    assert set(re.findall(r"\\([A-Za-z]+)", as_tex(text))) <= allowed


def test_long_words_may_break_and_lose_nothing() -> None:
    shown = as_tex("x" * 100)
    assert shown.count(r"\allowbreak{}") >= 10
    assert shown.replace(r"\allowbreak{}", "") == "x" * 100


def test_a_path_breaks_after_its_parts() -> None:
    shown = as_tex("configs/concepts/offline-knn.yaml").split(r"\allowbreak{}")
    assert shown == ["configs/", "concepts/", "offline-", "knn.", "yaml"]
    assert as_tex("0.25739943925214671,").split(r"\allowbreak{}")[0] == "0.2573"


def test_what_a_font_would_join_stays_apart() -> None:
    assert re.sub(r"[{}]", "", as_tex("--seed")) == "--seed" != as_tex("--seed")
    assert as_code("") == ""
    assert as_code("a_b") == r"\texttt{a{\_}b}"


def test_tables_and_lists() -> None:
    table = key_values([("a_b", "1", "2"), ("c", "", "3")], header=("", "one", "two"))
    assert r"a{\_}b & 1 & 2 \\" in table
    assert table.count("p{") == 3
    assert listed([]) == ""
    assert "\\begin{multicols}{2}[\\subsection*{T{\\_}1}]" in dense([("k", "v_1")], title="T_1")
    assert [in_words(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_knows_every_command_that_a_character_becomes(tmp_path: Path) -> None:
    """Every character of Unicode that has a command, in one document of the packages that main.tex loads."""
    shown = {
        as_tex(c): c for c in map(chr, range(33, sys.maxunicode)) if not 0xD800 <= ord(c) < 0xE000 and c.isprintable()
    }
    lines = [rf"\typeout{{AT {ord(c):X}}}{text}\par" for text, c in shown.items() if text != c and UNKNOWN not in text]
    assert len(lines) > 500
    packages = r"\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{times,textcomp,amssymb}"
    document = [rf"\documentclass{{article}}{packages}\begin{{document}}", *lines, r"\end{document}"]
    (tmp_path / "all.tex").write_text("\n".join(document), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    place, wrong = "", []
    for line in done.stdout.splitlines():
        place = line if line.startswith("AT ") else place
        if line.startswith("!"):
            wrong.append((place, line))
    assert not wrong
