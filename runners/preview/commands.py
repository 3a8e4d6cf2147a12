"""The verb `models`: which families there are, and what a config will do before anything heavy starts."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runners.options import CONFIG, SETTINGS

if TYPE_CHECKING:
    from runners.preview.catalog import Size

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def models() -> None:
    """Look at model families, and at what a config will do with one."""


@models.command("list")
@AS_JSON
def list_families(*, as_json: bool) -> None:
    """The families, their well-known checkpoints, and what their weights take in memory.

    bf16 is 2 bytes a parameter, NF4 an estimate; cache and activations come on top. `models check` tells all of it
    for a config.
    """
    from runners.preview.catalog import catalog

    rows = catalog()
    if as_json:
        families = [
            {**asdict(row), "sizes": [{**asdict(s), "bf16_gib": round(s.bf16_gib, 2)} for s in row.sizes]}
            for row in rows
        ]
        click.echo(json.dumps(families, indent=2, ensure_ascii=False))
        return
    console = Console()
    table = Table(box=SIMPLE)
    table.add_column("family, how it is asked, and checkpoints")
    for heading in ("parameters", "bf16", "NF4"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        asked = "[red]refused[/red]" if row.refused else row.prompt
        table.add_row(f"[bold]{escape(row.title)}[/bold] ({escape(row.model_type)}, {asked})")
        for size in row.sizes:
            table.add_row(*_numbers(size))
    console.print(table)
    for row in rows:
        for note in (*row.notes, *([row.refused] if row.refused else [])):
            console.print(f"{row.model_type}: {note}", markup=False, highlight=False)
    console.print(
        "Others load the default way, untested. GiB of weights; imageclef models check CONFIG tells the rest."
    )


@models.command()
@CONFIG
@SETTINGS
@AS_JSON
def check(config: Path, *, settings: tuple[str, ...], as_json: bool) -> None:
    """Tell what the model of CONFIG will do, without loading any weights.

    Where it is or what will be downloaded, memory against the device, which adapter tensors find their place, image
    tokens, the prompt as the model sees it. Exit status: 0 fine, 1 when a run would fail, 2 unusable arguments.
    """
    from runners.config_files import load
    from runners.doctor import failed, print_findings, to_json
    from runners.preview.checks import preview

    findings = preview(load(config, settings).config)
    if as_json:
        click.echo(json.dumps(to_json(findings), indent=2, ensure_ascii=False, default=str))
    else:
        print_findings(findings, Console())
    sys.exit(1 if failed(findings) else 0)


def _numbers(size: Size) -> list[str]:
    count = f"{size.parameters / 1e9:.1f} B" if size.parameters >= 1e9 else f"{size.parameters / 1e6:.0f} M"
    nf4 = f"~{size.nf4_gib:.1f}" if size.nf4_gib is not None else ""
    return [f"  {escape(size.id)}", count, f"{size.bf16_gib:.1f}", nf4]
