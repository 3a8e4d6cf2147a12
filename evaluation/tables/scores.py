"""The scores of a submission on a terminal: primary and secondary first, then parts, then extras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evaluation.scores import Scores
from evaluation.tables.terminal import WIDTH, print_whole

BRIEF = 3
"""More reasons than this are cut to a line each."""


def print_scores(scores: Scores, console: Console, *, signatures: bool = False) -> None:
    """Print the table, what is unavailable, and the warnings."""
    print_title(scores, console)
    table = Table()
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="center", no_wrap=True)
    table.add_column("role", no_wrap=True)
    for name, score in scores.scores.items():
        strong = "bold" if score.role in {"primary", "secondary"} else ""
        low, high = score.ci
        role = "surrogate" if score.surrogate else score.role
        table.add_row(name, f"{score.value:.4f}", f"{low:.4f} – {high:.4f}", role, style=strong)
    if scores.scores:
        print_whole(table, console)
    print_unavailable(scores.unavailable, console)
    if signatures:
        for score in scores.scores.values():
            console.print(escape(score.signature), highlight=False, soft_wrap=True)
    print_warnings(scores.warnings, console)


def print_title(scores: Scores, console: Console, *, of: str = "") -> None:
    """Print what was scored, and how; `of` goes on after the number of images."""
    title = f"{scores.task} · edition {scores.edition} · profile {scores.profile} · n = {len(scores.ids)}{of}"
    console.print(title, soft_wrap=True)


def print_unavailable(reasons: Mapping[str, str], console: Console) -> None:
    """Print what has no score and why: in full, or a line each where they are many."""
    if not reasons:
        return
    room = max(console.width, WIDTH) - max(map(len, reasons)) - 2
    lines = dict(reasons)
    if len(reasons) > BRIEF:
        lines = {name: shorten(why, room, placeholder=" …", break_on_hyphens=False) for name, why in reasons.items()}
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, why in lines.items():
        grid.add_row(name, escape(why), style="dim")
    console.print("unavailable:", grid)
    if lines != reasons:
        console.print("the whole reason, and how to get a score: --metrics NAME, or --json", style="dim")


def together(reasons: Mapping[str, str]) -> dict[str, str]:
    """The reasons, one that several scores share once, under the first one's name."""
    names: dict[str, list[str]] = {}
    for name, why in reasons.items():
        names.setdefault(why, []).append(name)
    return {_named(names[why]): why for why in reasons.values()}


def _named(names: Sequence[str]) -> str:
    first, *others = names
    return f"{first} and {len(others)} other{'s' if len(others) > 1 else ''}" if others else first


def print_warnings(warnings: tuple[str, ...], console: Console) -> None:
    """Print a line for each."""
    for warning in warnings:
        console.print(f"[yellow]warning:[/yellow] {escape(warning)}", highlight=False, soft_wrap=True)
