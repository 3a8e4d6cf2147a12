"""The verbs `reproduce` (a run again, compared) and `freeze` (an archive from which others can)."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click
from rich.console import Console

from runners.options import SETTINGS
from tasks.nouns import InputError
from tasks.restricted import MAY


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", help="Data set folder, where it lies elsewhere now.")
@SETTINGS
@click.option("--out", type=click.Path(path_type=Path), help="Where runs are kept; default: where the original lies.")
@click.option("--check-only", is_flag=True, help="Say what differs and run nothing.")
def reproduce(
    run: Path, *, data: str | None, settings: tuple[str, ...], out: Path | None, check_only: bool
) -> Path | None:
    """Run RUN, a finished run's folder or an archive of `imageclef freeze`, again and say whether it gives the same.

    Data, weights, adapters, prompt and settings must be those of the run; other packages, hardware or code are warned
    of. The new run is <out>/<task>/<name>-reproduced, and goes on where it was when it was stopped. Predictions are
    compared one by one, then the scores. Exit status: 0 the same predictions and scores, or every score within half of
    the half-width of its 95 % interval; 1 other scores, or other predictions where none can be scored; 2 it cannot be
    run again.
    """
    from runners.loop import TooManyFailures
    from runners.reproduction.again import check, run_again
    from runners.reproduction.original import opened

    console = Console()
    said = [*settings, *([f"data.path={json.dumps(data, ensure_ascii=False)}"] if data is not None else [])]
    again = shlex.join(["imageclef", *sys.argv[1:]])
    try:
        with opened(run) as original:
            if check_only:
                check(original, settings=said, console=console)
                return None
            kept = run.absolute().parent
            beside = kept.parent if run.is_dir() and kept.name == original.task.value else Path("submissions")
            return run_again(original, out or beside, settings=said, console=console)
    except TooManyFailures as error:
        click.echo(f"stopped: {error}\nthe journal is kept; to go on: {again}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as stop:
        click.echo(f"stopped; to resume: {again}", err=True)
        sys.exit(130 if isinstance(stop, KeyboardInterrupt) else stop.code)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The archive; default: <run's name>.zip, here.")
@MAY
def freeze(run: Path, *, out: Path | None, allowed: bool) -> None:
    """Pack all that another needs to reproduce RUN, a finished run's folder, into one zip.

    It holds the config, the exact versions of all packages, run.json, the journal, the submission and the scores: no
    images, references or weights. The same run gives the same bytes.
    """
    from runners.reproduction.archive import write_archive
    from runners.reproduction.original import opened
    from tasks.restricted import refuse_restricted

    if not run.is_dir():
        raise InputError(f"{run} is not a run's folder")
    refuse_restricted([run], allowed=allowed)
    with opened(run) as original:
        write_archive(original, out or Path(f"{original.name}.zip"), Console())
