"""An upload is noted in the ledger, and again when its official score is known.

noted = note_upload(read_run(Path("submissions/concept_detection/base")), team="our-team", scores=["f1=0.5781"])
noted.upload.scores, noted.new, noted.warnings      # {"f1": 0.5781}, True, ()
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from unicodedata import normalize

from evaluation.inputs.run_folders import Run
from evaluation.uploads.ledger import LEDGER, Upload, ledger_open, one_line, read_scores, utc
from evaluation.uploads.limit import limit_of
from evaluation.uploads.runs import place_of
from tasks.editions import load_edition
from tasks.files import hash_file
from tasks.nouns import InputError
from tasks.upload import read_upload


@dataclass(frozen=True, slots=True)
class Noted:
    """What the ledger says now."""

    upload: Upload
    ledger: Path
    new: bool
    """Whether the upload was not in the ledger before."""
    used: int
    """How many uploads the team has for the task and edition."""
    warnings: tuple[str, ...]


def note_upload(
    run: Run,
    *,
    team: str,
    submission_id: str = "",
    scores: Sequence[str] = (),
    note: str = "",
    date: str = "",
) -> Noted:
    """Note in the ledger that the run was uploaded, or add to what it says of the upload.

    The ledger lies beside the tasks' folders: `<submissions>/<task>/<run>`.
    """
    team, submission_id, note = one_line(team), one_line(submission_id), one_line(note)
    folder = place_of(run)
    if folder.parent.name != run.task.value:
        raise InputError(f"{run.folder} does not lie in submissions/{run.task}/: move it there, beside the others")
    if not team:
        raise InputError("an upload is a team's: say whose with --team NAME")
    values = read_scores(scores, task=run.task, year=run.edition)
    sha256, warnings = _uploaded_file(run)
    with ledger_open(folder.parent.parent) as uploads:
        place = _place(uploads, (run.task.value, str(run.edition), team, run.name), submission_id)
        if place is None:
            time = utc(date) if date else datetime.now(UTC).isoformat(timespec="seconds")
            upload = Upload(run.task, run.edition, run.name, team, time, submission_id, values, note, sha256)
            warnings += _of_new(upload, uploads)
            uploads.append(upload)
        else:
            upload = uploads[place]
            warnings += _of_known(upload, sha256, values)
            upload = uploads[place] = replace(
                upload,
                submission_id=submission_id or upload.submission_id,
                scores={**upload.scores, **values},
                note=note or upload.note,
                uploaded=utc(date) if date else upload.uploaded,
                sha256=upload.sha256 or sha256,
            )
        used = sum(one.identity[:3] == upload.identity[:3] for one in uploads)
    limit, _ = limit_of(run.task, run.edition)
    if limit is not None and used > limit:
        warnings.append(f"{used} uploads of {team}: edition {run.edition} grades {limit} of each team for {run.task}")
    return Noted(upload, folder.parent.parent / LEDGER, place is None, used, tuple(warnings))


def _place(uploads: Sequence[Upload], wanted: tuple[str, ...], submission_id: str) -> int | None:
    """Where the upload stands: by its id, or as the one of the run that has none yet; InputError when it is unclear."""
    of_run = [place for place, upload in enumerate(uploads) if upload.identity[:4] == wanted]
    if not submission_id:
        if len(of_run) > 1:
            ids = ", ".join(uploads[place].submission_id or "one without id" for place in of_run)
            raise InputError(f"{wanted[3]} was uploaded {len(of_run)} times ({ids}): say which with --id")
        return of_run[0] if of_run else None
    same = [place for place in of_run if uploads[place].submission_id in {submission_id, ""}]
    return max(same, key=lambda place: uploads[place].submission_id, default=None)


def _uploaded_file(run: Run) -> tuple[str, list[str]]:
    """The hash of the table in the zip, and what has to be said of check, split, table and zip."""
    warnings = []
    check, recorded = run.record.get("check") or {}, run.record.get("submission") or {}
    if not check.get("accepted"):
        warnings.append(
            f"NOT ACCEPTED: the check of {run.name} says that the organisers refuse this submission: see imageclef "
            "check; it is noted, as it was uploaded already"
        )
    if run.split != "test":
        warnings.append(f"{run.name} answers the images of {run.split}, not of test")
    member = load_edition(run.edition, run.task).zip_member
    table, packed = run.folder / member, run.folder / "submission.zip"
    own = hash_file(table) if table.is_file() else ""
    inside = read_upload(packed, member=member) if packed.is_file() else None
    zipped = hashlib.sha256(inside.data).hexdigest() if inside and inside.data is not None else ""
    warnings += [f"{packed}: {fault}" for fault in (inside.faults if inside else ())]
    if own and own != recorded.get("sha256"):
        warnings.append(
            f"{table} was changed since the run wrote it: it is not what the run answered and was scored on"
        )
    if own and zipped and own != zipped:
        warnings.append(f"{packed} holds another table than {table}: noted is the one in the zip")
    if not own and not zipped:
        warnings.append(f"{table} is gone: noted is the file that the run wrote")
    return zipped or own or str(recorded.get("sha256", "")), warnings


def _of_new(upload: Upload, uploads: Sequence[Upload]) -> list[str]:
    said = []
    teams = dict.fromkeys(one.team for one in uploads if one.team != upload.team)
    said += [
        f"'{team}' is in the ledger, too: a team under two names is counted as two"
        for team in teams
        if _alike(team) == _alike(upload.team)
    ]
    twin = next((one for one in uploads if one.sha256 and one.sha256 == upload.sha256), None)
    if twin is not None:
        known = f", which got {_listed(twin.scores)}" if twin.scores else ""
        said.append(f"the same file was uploaded on {twin.uploaded[:10]} as {twin.run} of {twin.team}{known}")
    return said


def _alike(team: str) -> str:
    """The letters and digits of a team's name, large and small ones the same."""
    return "".join(letter for letter in normalize("NFKC", team).casefold() if letter.isalnum())


def _of_known(upload: Upload, sha256: str, scores: Mapping[str, float]) -> list[str]:
    """What a second note of an upload changes, or seems to mean."""
    changed = {name: value for name, value in upload.scores.items() if scores.get(name, value) != value}
    said = [f"instead of {_listed(changed)}, which stood in the ledger"] if changed else []
    if upload.sha256 and upload.sha256 != sha256:
        said.append(
            f"the submission is not the one that was uploaded on {upload.uploaded[:10]}: if it was uploaded again, "
            "note that with its own --id"
        )
    return said


def _listed(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in scores.items())
