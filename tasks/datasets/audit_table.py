"""An audit on the screen: counts, images, and the first problems of each kind; `--json` has them all."""

from __future__ import annotations

from collections import defaultdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.datasets.audit import Audit
from tasks.nouns import Problem
from tasks.problems import counted

MOST_SHOWN = 3
"""Problems of one kind."""


def print_audit(audit: Audit) -> None:
    """Print the audit on standard output."""
    console = Console(highlight=False)
    console.print(f"[bold]{escape(audit.path)}[/bold]: {escape(audit.layout)}")
    console.print(_counts(audit))
    modes = ", ".join(f"{mode} {number:,}" for mode, number in audit.modes.items())
    sides = ", ".join(f"{name} {pixels:,}" for name, pixels in audit.sides.items())
    console.print(f"{audit.images:,} images decoded; modes: {modes or 'none'}; sides in pixels: {sides or 'none'}")
    if audit.restricted:
        console.print(f"[yellow]restricted[/yellow]: {escape(audit.restricted)}: what is made from it stays with you")
    for note in audit.notes:
        console.print(f"note: {escape(note)}")
    if audit.problems:
        console.print(_problems(audit))
    errors = sum(problem.severity == "error" for problem in audit.problems)
    console.print("[green]clean[/green]" if audit.clean else f"[red]{counted(errors, 'error')}[/red]")


def _counts(audit: Audit) -> Table:
    caption = f"published: {escape(audit.published)}" if audit.published else "not recognised as a published data set"
    table = Table(caption=caption, caption_justify="left")
    table.add_column("task", no_wrap=True)
    table.add_column("split")
    for title in ("examples", "references", "manual", "published"):
        table.add_column(title, justify="right")
    for count in audit.counts:
        numbers = (count.examples, count.references, count.secondary, count.published)
        cells = ("-" if number is None else f"{number:,}" for number in numbers)
        table.add_row(count.task.value, count.split, *cells)
    return table


def _problems(audit: Audit) -> Table:
    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in audit.problems:
        kinds[problem.severity, problem.code].append(problem)
    table = Table("problem", "number")
    table.add_column("the first of them, and what to do", overflow="fold")
    for (severity, code), problems in sorted(kinds.items()):
        colour = "red" if severity == "error" else "yellow"
        lines = [escape(problem.message) for problem in problems[:MOST_SHOWN]]
        lines += [f"... {len(problems) - MOST_SHOWN:,} more"] if len(problems) > MOST_SHOWN else []
        fix = f"-> {escape(problems[0].fix)}"
        table.add_row(f"[{colour}]{severity}[/{colour}] {code}", f"{len(problems):,}", "\n".join([*lines, fix]))
    return table
