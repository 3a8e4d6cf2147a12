"""What a reproduction found, as a terminal shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runners.reproduction.checks import Check
from tasks.problems import counted

_WORDS = {"same": "[green]same[/green]", "differs": "[yellow]differs[/yellow]", "unknown": "[dim]not known[/dim]"}
_SHOWN = 3
_HASH = re.compile(r"(?:sha256:)?(?<![0-9a-f])([0-9a-f]{10})[0-9a-f]{30,}")


def print_checks(checks: Sequence[Check], console: Console, *, title: str) -> None:
    """A row each: what, whether it is the same, what it was and what it is."""
    table = Table(title=escape(title), title_justify="left")
    table.add_column("what", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("then", overflow="fold")
    changed = any(check.then != check.now for check in checks)
    if changed:
        table.add_column("now", overflow="fold")
    for check in checks:
        verdict = "[red]another run[/red]" if check.blocks else _WORDS[check.verdict]
        now = [] if not changed else [""] if check.then == check.now else [escape(_short(check.now))]
        table.add_row(escape(check.what), verdict, escape(_short(check.then)), *now)
    console.print(table)


def print_agreement(found: Mapping[str, Any], console: Console) -> None:
    """How many predictions are the same, and the first that are not, with both texts."""
    total, equal = found["images"], found["equal"]
    if equal == total:
        line = f"the same {counted(total, 'prediction')}"
        line += ", byte for byte" if found["identical_submission"] else "; the submissions' bytes differ"
    else:
        line = (
            f"{equal} of {counted(total, 'prediction')} are the same ({equal / total:.1%}); "
            f"values: {found['equal_values']}, texts: {found['equal_texts']}, ok or failed: {found['equal_status']}"
        )
    _say(console, line)
    for row in found["differing"][:_SHOWN]:
        _say(console, f"  {row['image_id']}")
        _say(console, f"    original: {_answer(row['original'])}")
        _say(console, f"    again:    {_answer(row['again'])}")
    if (more := total - equal - _SHOWN) > 0:
        _say(console, f"  and {more} more (reproduction.json, predictions)")


def _answer(said: Mapping[str, Any]) -> str:
    if said["status"] != "ok":
        return f"{said['status']}: {said['reason']}"
    value = said["value"]
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown if said["text"] in ("", shown) else f"{shown}  from the text {said['text']!r}"


def _short(text: str) -> str:
    return _HASH.sub(r"\1…", text)


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
