"""Texts as LaTeX prints them: nothing in them is a command, and no word is too long for a line.

as_tex("50% of C_1")            # 50{\\%} of C{\\_}1
as_code("run --seed 1")         # \\texttt{run {-}{}{-}seed 1}
key_values([("seed", "42")])    # \\begin{longtable} ... \\end{longtable}

`evaluation.tables.latex` escapes; here words that are longer than a line get places to break at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from evaluation.tables.latex import latex_text

FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%" + "\n"
"""Before what is to be no wider than the page, with a brace after it; what is narrower keeps its size."""
ROOM = (
    r"\par\vskip 0pt plus 0.2\textheight\penalty-200\vskip 0pt plus -0.2\textheight"
    r"\vskip 0.2\textheight\penalty10000\vskip -0.2\textheight\vskip 0pt" + "\n"
)
"""Before a heading that would else stand alone at the end of a page, since a long table begins after it: a new page
unless there is room for a fifth of one, as the package needspace does it."""
LONG = 18
"""Letters from which on a word may be broken."""
PIECE = 6
_PART = re.compile(r".+?(?:[/_:=,-]+(?=[^/_:=,-])|\.(?=[^\d.])|$)")
"""Of a long word, such as a path: up to where a reader would break it; never within a number."""


def as_tex(text: str) -> str:
    """The text on one line, for the body of a document."""
    return " ".join(map(_word, unicodedata.normalize("NFC", text).split()))


def as_code(text: str) -> str:
    """The text in the letters of a typewriter."""
    return rf"\texttt{{{as_tex(text)}}}" if text.strip() else ""


def key_values(rows: Iterable[Sequence[str]], *, header: Sequence[str] = (), code: bool = False) -> str:
    """A table over several pages if need be: what a value is at the left, then the values, of which one or more.

    With `code` the values are in the letters of a typewriter.
    """
    listed = list(rows)
    n = max(len(row) for row in listed) - 1
    first = 0.3 if n == 1 else 0.22
    width = (0.97 - first) / n - 0.024
    ragged = r">{\raggedright\arraybackslash}"
    columns = f"{ragged}p{{{first - 0.024:.3f}\\linewidth}}" + f"{ragged}p{{{width:.3f}\\linewidth}}" * n
    shown = as_code if code else as_tex
    lines = [rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}", r"\toprule"]
    if header:
        lines += [" & ".join(rf"\textbf{{{as_tex(cell)}}}" for cell in header) + r" \\", r"\midrule"]
    lines += [r"\endhead", r"\bottomrule", r"\endfoot"]
    lines += [" & ".join([as_tex(row[0]), *map(shown, row[1:])]) + r" \\" for row in listed]
    # Without a caption it has no number, yet longtable counts it.
    return "\n".join([*lines, r"\end{longtable}\addtocounter{table}{-1}"]) + "\n"


def dense(rows: Iterable[tuple[str, str]], *, title: str) -> str:
    """What a value is and the value, one after the other in two small columns: for what hardly anybody reads."""
    lines = [rf"\hangindent=1em {as_tex(what)}: {as_code(value)}\par" for what, value in rows]
    begin = f"{ROOM}\\begin{{multicols}}{{2}}[\\subsection*{{{as_tex(title)}}}]\n"
    begin += "\\raggedcolumns\\scriptsize\\raggedright\\setlength{\\parindent}{0pt}\n"
    return begin + "\n".join(lines) + "\n\\end{multicols}\n"


def listed(sentences: Iterable[str]) -> str:
    """Sentences, already LaTeX, as a list; nothing without any."""
    items = "".join(rf"  \item {sentence}" + "\n" for sentence in sentences)
    return "\\begin{itemize}\n" + items + "\\end{itemize}\n" if items else ""


def in_words(parts: Sequence[str], last: str = "and") -> str:
    """One after the other: "a, b and c"."""
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _word(word: str) -> str:
    if len(word) <= LONG:
        return latex_text(word)
    parts = _PART.findall(word)
    pieces = (
        [part] if len(part) <= LONG else [part[k : k + PIECE] for k in range(0, len(part), PIECE)] for part in parts
    )
    return r"\allowbreak{}".join(latex_text(piece) for some in pieces for piece in some)
