"""A check on the screen: the verdicts, the problems by code with counts, and the first of them in full."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.check import Check
from tasks.problems import CODES

_COLOUR = {"accepted": "green", "rejected": "red", "error": "red", "warning": "yellow"}


def print_check(check: Check, *, shown: int) -> None:
    """Print the check; at most `shown` problems in full, errors first."""
    console = Console(highlight=False)
    edition = check.edition
    console.print(f"{escape(str(check.path))}: {edition.task} {edition.year}, {check.n_rows} rows", soft_wrap=True)
    rules = "pre-check" if edition.official_precheck else "written rules"
    console.print(f"{rules}: {_coloured(check.precheck)}, evaluator: {_coloured(check.scoring)}")
    if not check.problems:
        return
    counts = Counter((problem.severity, problem.code) for problem in check.problems)
    table = Table("", "problem", "count", "what it is", "how to mend it")
    for (severity, code), count in sorted(counts.items()):
        table.add_row(_coloured(severity), code, str(count), *CODES[code])
    console.print(table)
    ordered = sorted(check.problems, key=lambda problem: problem.severity)
    for problem in islice(ordered, shown):
        where = f"line {problem.line}" if problem.line is not None else "file"
        image = f" {problem.image_id}" if problem.image_id else ""
        console.print(
            f"{_coloured(problem.severity)} {where}{escape(image)}: {escape(problem.message)} [dim]({problem.code})[/]",
            soft_wrap=True,
        )
    if len(ordered) > shown:
        console.print(f"... and {len(ordered) - shown} more: see them all with --json")


def _coloured(word: str) -> str:
    return f"[{_COLOUR[word]}]{word}[/]"
