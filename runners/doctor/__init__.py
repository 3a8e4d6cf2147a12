"""Findings about a machine and about a config, told before anything heavy starts.

    Finding("problem", "bitsandbytes", "not installed", "quantization: nf4, int8", "pip install bitsandbytes")

`imageclef doctor` looks at the machine (`packages.py`, `machine.py`), `imageclef models check` at a config.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Level = Literal["ok", "warning", "problem"]
_MARKS = {"ok": "[green]ok[/green]", "warning": "[yellow]warning[/yellow]", "problem": "[red]problem[/red]"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    """warning: a run works, but not everything or not as well; problem: it does not."""
    topic: str
    text: str
    prevents: str = ""
    """What does not work because of it; empty when ok."""
    mend: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same in numbers, for --json."""


def failed(findings: Sequence[Finding]) -> bool:
    """Whether something would fail."""
    return any(finding.level == "problem" for finding in findings)


def to_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """What --json prints."""
    return {"fine": not failed(findings), "findings": [asdict(finding) for finding in findings]}


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """One row a finding: what was found, then what it prevents and the mend."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column()
    table.add_column(overflow="fold")
    for finding in findings:
        lines = [escape(finding.text)]
        if finding.prevents:
            lines.append(f"prevents: {escape(finding.prevents)}")
        if finding.mend:
            lines.append(f"mend: {escape(finding.mend)}")
        table.add_row(_MARKS[finding.level], escape(finding.topic), "\n".join(lines))
    console.print(table)
    counts = {level: sum(f.level == level for f in findings) for level in ("problem", "warning")}
    said = ", ".join(f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count)
    console.print(said or "nothing stands in the way", style="bold")
