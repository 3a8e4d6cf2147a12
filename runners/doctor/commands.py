"""The verb `doctor`: what of this machine stands in the way, what each finding prevents, and the mend."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, as_json: bool) -> None:
    """Look at this machine: packages, GPU, memory, disk, hub, Java.

    Exit status: 0 when nothing prevents a run, warnings or not; 1 when something does.
    """
    from rich.console import Console

    from runners.doctor import failed, print_findings, to_json
    from runners.doctor.machine import machine
    from runners.doctor.packages import packages
    from runners.doctor.pairs import bad_pairs

    findings = [*packages(), *bad_pairs(), *machine(Path("submissions"))]
    if as_json:
        click.echo(json.dumps(to_json(findings), indent=2, ensure_ascii=False))
    else:
        print_findings(findings, Console())
    sys.exit(1 if failed(findings) else 0)
