"""Which run an upload was of, and which uploads were of some runs.

run_of(upload, runs_under(Path("submissions"))[0])       # the run, its folder renamed or not; None where it is gone
uploads_of([read_run(Path("submissions/concept_detection/base"))])      # those in submissions/uploads.csv
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from evaluation.inputs.run_folders import Run
from evaluation.uploads.ledger import Upload, read_ledger
from tasks.editions import load_edition
from tasks.files import hash_file


def run_of(upload: Upload, runs: Sequence[Run]) -> Run | None:
    """The run with the table that was uploaded, of that name or of another; by name alone where a hash is not known.

    A run of the name that answers something else now, as it was made again, is not the one that was uploaded.
    """
    alike = [run for run in runs if (run.task, run.edition) == (upload.task, upload.edition)]
    named = (run for run in alike if run.name == upload.run and _may_be(upload, run))
    renamed = (run for run in alike if upload.sha256 and _recorded(run) == upload.sha256)
    return next(named, None) or next(renamed, None)


def uploads_of(runs: Sequence[Run]) -> list[Upload]:
    """What the ledgers that lie beside these runs say of them."""
    of_folder: dict[Path, list[Run]] = {}
    for run in runs:
        of_folder.setdefault(place_of(run).parent.parent, []).append(run)
    return [one for folder, own in of_folder.items() for one in read_ledger(folder) if run_of(one, own) is not None]


def place_of(run: Run) -> Path:
    """Where the run's folder lies, as in `<submissions>/<task>/<run>`: of a link its own place."""
    return Path(os.path.normpath(run.folder.absolute()))


def _may_be(upload: Upload, run: Run) -> bool:
    recorded = _recorded(run)
    if not upload.sha256 or not recorded or upload.sha256 == recorded:
        return True
    table = run.folder / load_edition(run.edition, run.task).zip_member  # repaired after the run, perhaps
    return table.is_file() and hash_file(table) == upload.sha256


def _recorded(run: Run) -> str:
    return str((run.record.get("submission") or {}).get("sha256") or "")
