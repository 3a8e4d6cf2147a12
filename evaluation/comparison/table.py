"""A comparison on a terminal: under each metric the systems, then in words which differences are noise."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evaluation.comparison.systems import ALPHA, Comparisons, Pairing
from evaluation.table import print_title, print_unavailable, print_warnings, print_whole, together

NUMBERS = ("value", "diff.", "95 % interval", "p\nboot", "p\nrand", "p\nHolm", "win/tie\n/loss")


def print_comparison(found: Comparisons, console: Console) -> None:
    """Print the table, what is not more than noise, how it was tested, what is unavailable, and the warnings."""
    print_title(found.scores[0], console)
    if any(one.scores for one in found.scores):
        print_whole(_table(found), console)
    for pairing in found.pairings:
        if not pairing.significant:
            names = f"{pairing.system} and {pairing.baseline}: "
            console.print(escape(names + pairing.words()), highlight=False, soft_wrap=True)
    if found.pairings:
        console.print(_how(found), style="dim", highlight=False, soft_wrap=True)
    print_unavailable(together(found.unavailable), console)
    print_warnings(found.warnings, console)


def _table(found: Comparisons) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("metric, system", overflow="fold", min_width=12)
    for title in NUMBERS:
        table.add_column(title, justify="right", no_wrap=True)
    pairings = {(pairing.metric, pairing.system): pairing for pairing in found.pairings}
    for metric in dict.fromkeys(metric for one in found.scores for metric in one.scores):
        table.add_row(metric, style="bold")
        for name, one in zip(found.names, found.scores, strict=True):
            if metric in one.scores:
                cells = _cells(pairings.get((metric, name)))
                table.add_row(f" {escape(name)}", _bare(one.scores[metric].value), *cells)
        table.add_section()
    return table


def _cells(pairing: Pairing | None) -> list[str]:
    if pairing is None:
        return []
    low, high = pairing.ci
    tests = (pairing.p_bootstrap, pairing.p_randomisation, pairing.p_holm)
    return [
        f"{_bare(pairing.difference, sign='+')}{'*' if pairing.significant else ' '}",
        f"{_bare(low, sign='+')} – {_bare(high, sign='+')}",
        *map(_bare, tests),
        f"{pairing.wins}/{pairing.ties}/{pairing.losses}",
    ]


def _bare(number: float, sign: str = "") -> str:
    """Four decimals without a leading zero, so that a line fits on a terminal."""
    return f"{number:{sign}.4f}".replace("0.", ".", 1) if abs(number) < 1 else f"{number:{sign}.4f}"


def _how(found: Comparisons) -> str:
    units = "images are drawn and swapped one by one"
    if found.groups is not None:
        units = f"the images of a patient or article are drawn and swapped together ({found.groups} groups)"
    others = len(found.names) - 1
    return (
        f"differences from {escape(found.names[0])}, * where p Holm < {ALPHA}; {found.trials} trials of paired "
        f"bootstrap (interval, p boot) and approximate randomisation (p rand), seed {found.seed}; {units}; "
        f"p Holm is p rand adjusted for {others} comparison{'s' if others > 1 else ''} of a metric"
    )
