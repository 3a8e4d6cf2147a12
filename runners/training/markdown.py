"""Markdown that shows any text as it stands.

escape("a|b_c <i>")                     # "a\\|b\\_c &lt;i&gt;"
table(["score", "value"], [["f1", "0.41"]])
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

_MARKS = re.compile(r"([\\`*_\[\]#|~])")


def escape(text: object) -> str:
    """`text` on one line, so that Markdown and HTML show it as it stands."""
    return _MARKS.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def fenced(text: str, language: str = "") -> str:
    """`text` as a block of code; the fence is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; its cells are escaped."""
    lines = [header, ["---"] * len(header), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
