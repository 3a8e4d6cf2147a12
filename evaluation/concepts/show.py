"""A report on a terminal: the chief tables, and the first rows of the long ones."""

from __future__ import annotations

import math

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evaluation.concepts.groups import print_groups
from evaluation.concepts.report import Report, Row
from evaluation.tables.scores import print_title, print_warnings
from evaluation.tables.terminal import print_whole

SHOWN = 15
"""Concepts of each kind that are printed; per_concept.csv has all."""
WIDEST = 22
"""Letters of a name that are printed."""


def print_report(report: Report, console: Console) -> None:
    """Print what was found, most general first."""
    material = report.material
    print_title(material.scores, console)
    print_whole(_limits(report), console)
    for kind, groups in report.groups.items():
        print_groups(kind, groups, material.scores, console)
    if report.bands:
        _say(console, f"by frequency in training ({material.learned_from})")
        print_whole(_bands(report), console)
    else:
        _say(console, f"no frequency bands, constants and training oracle: {material.learned_from}")
    _say(console, f"the most frequent of {len(report.concepts)} concepts")
    print_whole(_concepts(list(report.concepts[:SHOWN])), console)
    if material.before is not None:
        _print_gains(report, console)
    _print_secondary(report, console)
    _print_probable(report, console)
    print_warnings(material.scores.warnings, console)


def _limits(report: Report) -> Table:
    table = _table("answers", "f1", "95 % interval")
    table.add_column("what", overflow="fold")
    for one in report.limits:
        low, high = one.ci
        strong = "bold" if one.name == "submission" else ""
        table.add_row(one.name, f"{one.value:.4f}", f"{low:.4f} – {high:.4f}", escape(one.what), style=strong)
    return table


def _bands(report: Report) -> Table:
    table = _table("band", "concepts", "support", "of truth", "precision", "recall", "micro f1", "f1")
    for one in report.bands:
        least, most = one.support
        table.add_row(
            one.name,
            str(one.concepts),
            f"{least} – {most}",
            f"{one.true_share:.1%}",
            *(_number(value) for value in (one.precision, one.recall, one.f1_micro, one.f1)),
        )
    return table


def _concepts(rows: list[Row]) -> Table:
    gained = any(row.gain for row in rows)
    more = ["gain", "won", "lost"] if gained else []
    table = _table("concept", "support", "true", "pred.", "prec.", "recall", "f1", *more)
    for row in rows:
        one = row.count
        scores = [_number(value) for value in (one.precision, one.recall, one.f1)]
        gain = row.gain
        last = [_signed(gain.gain), str(gain.won), str(gain.lost)] if gain else []
        support = "" if row.support is None else str(row.support)
        counts = [support, str(one.true), str(one.predicted)]
        table.add_row(_name(row), *counts, *scores, *last)
    return table


def _print_gains(report: Report, console: Console) -> None:
    material = report.material
    before = material.scores_before
    if before is None:
        return
    now, then = material.f1, before.scores["f1"]
    difference = now.per_image - then.per_image
    _say(
        console,
        f"against {material.name_before}: f1 {then.value:.4f} → {now.value:.4f} ({now.value - then.value:+.4f}); "
        f"better on {(difference > 0).sum()} images, worse on {(difference < 0).sum()}",
    )
    moved = [row for row in report.concepts if row.gain and (row.gain.won or row.gain.lost)]
    moved.sort(key=lambda row: (-abs(row.gain.won - row.gain.lost) if row.gain else 0, row.count.cui))
    if moved:
        _say(console, "the concepts on which most images were won or lost")
        print_whole(_concepts(moved[:SHOWN]), console)


def _print_secondary(report: Report, console: Console) -> None:
    _say(console, "images by true modality (rows) and predicted modality (columns)")
    table = _table("", *report.confusion)
    for name, row in report.confusion.items():
        table.add_row(name, *(str(count) if count else "·" for count in row.values()))
    print_whole(table, console)
    table = _table("CUI of the secondary score", "both", "missed", "invented", "neither")
    for one in report.presence:
        if one.both or one.missed or one.invented:
            table.add_row(f"{one.cui} {one.name}", *map(str, (one.both, one.missed, one.invented, one.neither)))
    print_whole(table, console)


def _print_probable(report: Report, console: Console) -> None:
    weighed = report.weighed
    if weighed is None:
        _say(console, f"no calibration and threshold curve: {report.material.probable}")
        return
    _say(
        console,
        f"{report.material.probable}: expected calibration error {weighed.ece:.4f}, from probability 0.1 on "
        f"{weighed.ece_from_tenth:.4f}; Brier score {weighed.brier:.4f} per image; the best single threshold here is "
        f"{weighed.best_threshold:g}, f1 {weighed.f1.max():.4f}",
    )


def _table(first: str, *others: str) -> Table:
    side = 1 if len(others) < 8 else 0  # ten columns stand in the 80 of a terminal
    table = Table(box=box.SIMPLE_HEAD, padding=(0, side), collapse_padding=True, pad_edge=False)
    table.add_column(escape(first), no_wrap=True)
    for title in others:
        table.add_column(escape(title), justify="right", no_wrap=True)
    return table


def _name(row: Row) -> str:
    name = row.name or row.count.cui
    return escape(name if len(name) <= WIDEST else name[: WIDEST - 1] + "…")


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
