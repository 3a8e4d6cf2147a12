"""The comparison of two runs with and without context, on a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evaluation.comparison.pairing import said_p
from evaluation.comparison.show import print_comparison
from evaluation.comparison.systems import Comparisons
from evaluation.context.compare import ContextComparison, LabelPairing
from evaluation.context.switch import Switch
from evaluation.tables.scores import print_warnings
from evaluation.tables.terminal import print_whole

SAID = {"chexpert": "labels read from the texts", "stated": "labels as the model wrote them"}


def print_context(found: ContextComparison, switch: Switch, console: Console) -> None:
    """Print the scores, the labels, and in words what the context changed."""
    print_comparison(found.scores, console)
    if found.clinical is not None and found.clinical.pairings:
        print_comparison(found.clinical, console)
    for source, said in SAID.items():
        if own := [one for one in found.labels if one.source == source]:
            print_whole(_table(said, own), console)
    for line in _words(found):
        console.print(escape(line), highlight=False, soft_wrap=True)
    print_warnings(switch.warnings, console)


def _table(said: str, labels: list[LabelPairing]) -> Table:
    table = Table(title=f"F1 of each label, {said}", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("label", no_wrap=True)
    for title in ("n", "off", "on", "diff.", "95 % interval", "p Holm"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in labels:
        low, high = one.ci
        table.add_row(
            one.label,
            str(one.support),
            f"{one.off:.3f}",
            f"{one.on:.3f}",
            f"{one.difference:+.3f}{'*' if one.significant else ' '}",
            f"{low:+.3f} – {high:+.3f}",
            f"{one.p_holm:.3f}",
        )
    return table


def _words(found: ContextComparison) -> list[str]:
    """What is more than noise, and which way."""
    every = [p for part in (found.scores, found.clinical) if isinstance(part, Comparisons) for p in part.pairings]
    better = [
        f"{p.metric} {p.difference:+.3f} ({said_p(p.p_holm)})" for p in every if p.significant and p.difference > 0
    ]
    worse = [
        f"{p.metric} {p.difference:+.3f} ({said_p(p.p_holm)})" for p in every if p.significant and p.difference < 0
    ]
    lines = [f"with context better, more than noise: {', '.join(better)}"] if better else []
    lines += [f"with context worse, more than noise: {', '.join(worse)}"] if worse else []
    if every and not lines:
        lines = ["with and without context, no score differs by more than noise"]
    moved = [f"{one.label} {one.difference:+.3f}" for one in found.labels if one.significant]
    if found.labels:
        lines.append(f"labels that moved by more than noise: {', '.join(moved) or 'none'}")
    return lines
