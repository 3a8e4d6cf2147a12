"""A comparison on a terminal: under each metric the systems, then in words which differences are noise."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from evaluation.comparison.breakdown import chief_metrics
from evaluation.comparison.group_tables import breakdown_tables
from evaluation.comparison.pairing import ALPHA, Pairing
from evaluation.comparison.systems import Comparisons
from evaluation.comparison.tables import letters_of, marks_of, verdict
from evaluation.comparison.wording import how
from evaluation.tables.scores import print_title, print_unavailable, print_warnings, together
from evaluation.tables.table import Cell, Column, Table
from evaluation.tables.terminal import bare, print_table

NUMBERS = ("value", "diff.", "95 % interval", "p\nboot", "p\nrand", "p\nHolm", "win/tie\n/loss")


def print_comparison(found: Comparisons, console: Console) -> None:
    """Print the tables, what is not more than noise, how it was tested, what is unavailable, and the warnings."""
    print_title(found.scores[0], console, of=" images that all answer" if found.common else "")
    if found.metrics:
        print_table(_letters(found) if found.all_pairs else _differences(found), console, titled=False)
    for pairing in _told(found):
        if not pairing.significant:
            console.print(escape(verdict(pairing)), highlight=False, soft_wrap=True)
    if found.pairings:
        marks = f"differences from {found.names[0]}, * where p Holm < {ALPHA}"
        if found.all_pairs:
            marks = f"letters are the systems that it beats with p Holm < {ALPHA}"
        console.print(escape(f"{marks}; {how(found)}"), style="dim", highlight=False, soft_wrap=True)
    for table in breakdown_tables(found):
        print_table(table, console)
    print_unavailable(together(found.unavailable), console)
    print_warnings(found.warnings, console)


def _told(found: Comparisons) -> list[Pairing]:
    """The differences that are put in words: all from the first system, or of many pairs those in the chief scores."""
    chief = chief_metrics(found.scores[0], [m for m in found.metrics if all(m in one.scores for one in found.scores)])
    return [pairing for pairing in found.pairings if not found.all_pairs or pairing.metric in chief]


def _differences(found: Comparisons) -> Table:
    """Under each metric a row per system with its difference from the first."""
    pairings = {(pairing.metric, pairing.system): pairing for pairing in found.pairings}
    cells = {(metric, name): _tested(pairings.get((metric, name))) for metric in found.metrics for name in found.names}
    return _by_metric(found, NUMBERS, cells, {})


def _letters(found: Comparisons) -> Table:
    """Under each metric a row per system with its interval and the letters of those that it beats."""
    cells = {
        (metric, name): [Cell(None, _interval(*one.scores[metric].ci)), Cell(marks_of(found, metric, name))]
        for name, one in zip(found.names, found.scores, strict=True)
        for metric in one.scores
    }
    return _by_metric(found, ("value", "95 % interval", "beats"), cells, letters_of(found.names))


def _by_metric(
    found: Comparisons,
    titles: tuple[str, ...],
    cells: dict[tuple[str, str], list[Cell]],
    letters: dict[str, str],
) -> Table:
    rows: list[tuple[Cell, ...]] = []
    sections = set()
    for metric in found.metrics:
        sections.add(len(rows))
        rows.append((Cell(metric, best=True), *[Cell(None)] * len(titles)))
        for name, one in zip(found.names, found.scores, strict=True):
            if metric in one.scores:
                own = f" {letters[name]} {name}" if letters else f" {name}"
                rows.append((Cell(own), Cell(None, bare(one.scores[metric].value)), *cells[metric, name]))
    columns = (Column("metric, system", numeric=False), *map(Column, titles))
    return Table("", columns, tuple(rows), sections=frozenset(sections))


def _tested(pairing: Pairing | None) -> list[Cell]:
    if pairing is None:
        return [Cell(None)] * (len(NUMBERS) - 1)
    tests = (pairing.p_bootstrap, pairing.p_randomisation, pairing.p_holm)
    shown = [
        _interval(*pairing.ci, sign="+"),
        *map(bare, tests),
        f"{pairing.wins}/{pairing.ties}/{pairing.losses}",
    ]
    difference = Cell(None, bare(pairing.difference, sign="+"), marks="*" if pairing.significant else "")
    return [difference, *(Cell(None, one) for one in shown)]


def _interval(low: float, high: float, sign: str = "") -> str:
    return f"{bare(low, sign=sign)} – {bare(high, sign=sign)}"
