"""The results of ratings on a terminal: under each item the systems, then how far the raters agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evaluation.tables.scores import print_warnings
from evaluation.tables.terminal import print_whole


def print_results(found: Mapping[str, Any], console: Console) -> None:
    """Print the tables, how they were made, and the warnings."""
    n = len(found["raters"])
    console.print(f"{found['texts']} texts about {found['studies']} studies, {n} rater{'s' if n > 1 else ''}")
    print_whole(_systems(found["items"]), console)
    print_whole(_levels(found["items"]), console)
    if n > 1:
        print_whole(_agreement(found["items"]), console)
    console.print(_how(found), style="dim", highlight=False, soft_wrap=True)
    print_warnings(tuple(found["warnings"]), console)


def _systems(items: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("item, system", overflow="fold", min_width=12)
    for title in ("mean", "95 % interval", "diff.", "95 % interval", "p Holm"):
        table.add_column(title, justify="right", no_wrap=True)
    for item in items.values():
        table.add_row(escape(item["mean_of"]), style="bold")
        differences = {one["system"]: one for one in item["differences"]}
        for system, own in item["systems"].items():
            mean = own["mean"]
            cells = [_plain(mean["value"]), _interval(mean["ci"]), *_difference(differences.get(system))]
            table.add_row(f" {escape(system)}", *cells)
        table.add_section()
    return table


def _levels(items: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("item, system", overflow="fold", min_width=12)
    table.add_column("share of each level (95 % interval)", overflow="fold")
    for name, item in items.items():
        table.add_row(escape(name), style="bold")
        for system, own in item["systems"].items():
            shares = "  ".join(f"{level} {_percent(share)}" for level, share in own["levels"].items())
            table.add_row(f" {escape(system)}", escape(shares))
        table.add_section()
    return table


def _agreement(items: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("agreement of raters", overflow="fold", min_width=12)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    for name, item in items.items():
        table.add_row(escape(name), style="bold")
        for one in item["agreement"].values():
            table.add_row(f" {one['name']}", _plain(one["value"]), _interval(one["ci"]) if "ci" in one else "")
        table.add_section()
    return table


def _difference(one: Mapping[str, Any] | None) -> tuple[str, str, str]:
    if one is None:
        return "", "", ""
    return _plain(one["value"], sign="+"), _interval(one["ci"], sign="+"), _plain(one["p_holm"])


def _interval(ends: list[float | None], sign: str = "") -> str:
    return "–" if None in ends else " – ".join(_plain(end, sign=sign) for end in ends)


def _plain(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.3f}"


def _percent(share: Mapping[str, Any]) -> str:
    if share["value"] is None:
        return "–"
    low, high = (round(100 * end) for end in share["ci"])
    return f"{share['value']:.0%} ({low}–{high})"


def _how(found: Mapping[str, Any]) -> str:
    first = next(iter(next(iter(found["items"].values()))["systems"]))
    return (
        f"a system's value of a study is the mean of its raters; intervals and tests draw and swap whole studies, seed "
        f"{found['seed']}; differences from {first}, p by approximate randomisation, adjusted by Holm"
    )
