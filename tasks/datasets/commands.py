"""`imageclef data`: check a data set, fetch a public one, make the embedded sample.

imageclef data check ../data/rocov2
imageclef data fetch rocov2 --out ../data/rocov2
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tasks.files import as_csv, write_whole
from tasks.nouns import InputError
from tasks.options import FILE

if TYPE_CHECKING:
    from tasks.datasets import DataSet
    from tasks.datasets.audit import Look


@click.command()
@click.argument("folder", metavar="DATA")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--refused", type=FILE, help="MIMIC-CXR: write what each study may not know, and why, as a CSV.")
def check(folder: str, as_json: bool, refused: Path | None) -> None:
    """Counts against the published ones, problems, and duplicates across splits.

    DATA is the folder of a data set in any known layout, or `sample`. Every image is decoded. Exit
    status: 0 clean (warnings allowed), 1 something is wrong, 2 no data set there.
    """
    from rich.console import Console
    from rich.progress import track

    from tasks.datasets import open_dataset
    from tasks.datasets.audit import audit
    from tasks.datasets.audit_table import print_audit

    def shown(looks: Iterable[Look], total: int) -> Iterable[Look]:
        return track(looks, "images", total=total, console=Console(stderr=True), transient=True)

    dataset = open_dataset(folder)
    if refused is not None:
        _write_refused(dataset, refused)
    found = audit(dataset, track=shown)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        print_audit(found)
    if not found.clean:
        sys.exit(1)


def _write_refused(dataset: DataSet, out: Path) -> None:
    """The table of the time-leakage guard: study, kind, reason, values."""
    from tasks.datasets import mimic
    from tasks.datasets.mimic.guard import Refused

    if dataset.layout != mimic.LAYOUT:
        raise InputError(f"{dataset.root} is not MIMIC-CXR: nothing in it is refused for its time; leave out --refused")
    if out.exists():
        raise InputError(f"{out} exists: give --refused a new name")
    write_whole(out, as_csv(list(Refused.__dataclass_fields__), map(astuple, mimic.refusals(dataset.root))))


@click.command()
@click.argument("release", type=click.Choice(["rocov2", "open-i"]))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to fill.")
@click.option("--from-url", metavar="BASE", help="Another server with the same paths, such as a mirror.")
def fetch(release: str, out: Path, from_url: str | None) -> None:
    """Fetch a public data set: resumed, verified by checksum, unpacked.

    rocov2 is Zenodo record 10821435 (ROCOv2), open-i the data set ykumards/open-i of the Hugging Face
    hub (IU X-ray). Files that are here and right are skipped: give the command again to go on.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

    from tasks.datasets.fetch import fetch as fetch_release

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        rows: dict[str, TaskID] = {}

        def progress(name: str, here: int, size: int) -> None:
            if name not in rows:
                rows[name] = bars.add_task(name, total=size)
            bars.update(rows[name], completed=here)

        files = fetch_release(release, out, base=from_url, progress=progress)
    click.echo(f"{len(files)} files of {release}, verified, in {out}; next: imageclef data check {out}")


@click.command()
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to fill.")
def sample(out: Path) -> None:
    """Make the embedded sample data set (synthetic) in a folder; nothing is done when it is there."""
    from tasks.sample import ensure_sample

    click.echo(f"sample data set in {ensure_sample(out)}")
