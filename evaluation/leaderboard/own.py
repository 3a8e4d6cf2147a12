"""Our runs as they can honestly stand beside published results.

A run stands there by its official score where the ledger of uploads has it, else by its own score, with what makes that
one not comparable: another split, other or fewer images. Without a score that the table has, or on images that have
nothing to do with it, a run stands nowhere, and the reason is said:

    entry = entry_of_run(read_run(Path("submissions/concept_detection/base")), table, "f1")
    entry.value, entry.doubts      # (0.5123, ("scored on 19,240 images of valid; the table is on test",))
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from evaluation.inputs.run_folders import Run
from evaluation.leaderboard.rows import Published
from evaluation.profiles import profile_of
from evaluation.uploads.ledger import Upload
from evaluation.uploads.runs import run_of
from tasks.datasets.table import read_rows
from tasks.editions import load_edition
from tasks.nouns import InputError
from tasks.sample.release import is_complete

SPLIT = "test"
"""What the organisers score."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A run of ours beside a table."""

    name: str
    folder: Path | None
    """None where only the ledger knows the run."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """By the names of the table's columns; empty where the run stands nowhere."""
    value: float | None = None
    """The score by which the run is placed; None where it stands nowhere."""
    ci: tuple[float, float] | None = None
    """Its 95 % interval; None for an official score."""
    official: bool = False
    """Whether the organisers scored it."""
    team: str = ""
    """Of an official score: for whom it was uploaded."""
    submission_id: str = ""
    doubts: tuple[str, ...] = ()
    """Why the number is not comparable with those of the table."""
    not_placed: str = ""
    """Why the run stands nowhere; empty where it does."""


def entries(runs: Sequence[Run], uploads: Sequence[Upload], table: Published, metric: str) -> list[Entry]:
    """The uploads with an official score of `metric`, then the runs without one, each in the order given."""
    found = [entry_of_upload(one, table, metric, run=run_of(one, runs)) for one in uploads]
    official = [entry for entry in found if entry is not None]
    known = {entry.folder for entry in official}
    return [*official, *(entry_of_run(run, table, metric) for run in runs if run.folder not in known)]


def entry_of_upload(upload: Upload, table: Published, metric: str, *, run: Run | None) -> Entry | None:
    """An upload by its official score; None where it has none for this table."""
    if (upload.task, upload.edition) != (table.task, table.edition):
        return None
    composites = profile_of("imageclef", task=table.task, edition=load_edition(table.edition, table.task)).composites
    scores = completed(upload.scores, composites)
    if metric not in scores:
        return None
    return Entry(
        name=run.name if run else upload.run,
        folder=run.folder if run else None,
        scores={name: value for name, value in scores.items() if name in table.metrics},
        value=scores[metric],
        official=True,
        team=upload.team,
        submission_id=upload.submission_id,
    )


def completed(scores: Mapping[str, float], composites: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The scores, and the means that follow from them: platforms show relevance and factuality, but not overall."""
    found = dict(scores)
    for name, parts in composites.items():
        if name not in found and all(part in found for part in parts):
            found[name] = fmean(found[part] for part in parts)
    return found


def entry_of_run(run: Run, table: Published, metric: str) -> Entry:
    """A run by its own score."""
    if reason := _foreign(run, table) or _unscored(run, table, metric):
        return Entry(run.name, run.folder, not_placed=reason)
    found = run.scores["scores"] if run.scores else {}
    low, high = found[metric]["ci"]
    return Entry(
        name=run.name,
        folder=run.folder,
        scores={name: float(found[name]["value"]) for name in official_metrics(table) if name in found},
        value=float(found[metric]["value"]),
        ci=(float(low), float(high)),
        doubts=tuple(_doubts(run, table)),
    )


def official_metrics(table: Published) -> list[str]:
    """The columns of the table that this program computes as the organisers of that year did."""
    roles = load_edition(table.edition, table.task).scoring[table.task.value]["roles"]
    return [name for name in table.metrics if roles.get(name, "extra") != "extra"]


def _foreign(run: Run, table: Published) -> str:
    """Why the run has nothing to do with the table, or nobody can tell; empty where it has."""
    if (run.task, run.edition) != (table.task, table.edition):
        return f"answers of {run.task} {run.edition}, not of this table"
    data = str(run.record["data"]["path"])
    if data == "sample" or is_complete(Path(data)):
        return "the images are the embedded sample, synthetic: its scores say nothing of this table"
    try:
        stranger = _stranger(run, table)
    except InputError as error:
        return f"which images it answered is not known: {error}"
    if stranger is None:
        return ""
    seen = "an id of restricted data" if run.record["data"].get("restricted") else f"'{stranger}'"
    return f"other images: {seen} is no id of {table.task} {table.edition}"


def _stranger(run: Run, table: Published) -> str | None:
    """The first id that is not of the edition's form; None without one, or where the form is not known."""
    example, _, _ = load_edition(table.edition, table.task).id_example.partition(" ")
    if not example:
        return None
    prefix = re.sub(r"((train|valid|test)_)?\d+$", "", example)
    form = re.compile(rf"{re.escape(prefix)}((train|valid|test)_)?\d+")
    rows = read_rows(run.folder / "predictions.csv")
    next(rows)
    return next((row[0] for _, row in rows if not form.fullmatch(row[0])), None)


def _unscored(run: Run, table: Published, metric: str) -> str:
    """Why the run has no official score `metric`; empty where it has."""
    if run.scores is None and run.record["data"].get("with_reference") == 0:
        return (
            "no references for the images here: note the official score when it is known, "
            f"imageclef submissions upload RUN --team TEAM --score {metric}=VALUE"
        )
    if run.scores is None:
        return "no scores: score it first, imageclef score RUN --json > RUN/scores.json"
    if (profile := run.scores.get("profile", "imageclef")) != "imageclef":
        return f"scores of the profile {profile}: score it by the profile imageclef"
    found = run.scores["scores"]
    if metric in found and not found[metric].get("surrogate"):
        return ""
    why = run.scores.get("unavailable", {}).get(metric, "it was not computed")
    others = [name for name in official_metrics(table) if name in found and not found[name].get("surrogate")]
    surrogates = [name for name, entry in found.items() if entry.get("surrogate") and name.startswith(metric)]
    return (
        f"no {metric} ({why})"
        + (f"; {surrogates[0]} is a stand-in, which is never placed" if surrogates else "")
        + (f"; --by {others[0]} places it by that score" if others else "")
    )


def _doubts(run: Run, table: Published) -> list[str]:
    n, images = int((run.scores or {}).get("n", 0)), table.about.images
    if run.split != SPLIT:
        return [f"scored on {n:,} images of {run.split}; the table is on {f'{images:,} of ' if images else ''}{SPLIT}"]
    if images is None:
        return [f"scored on {n:,} images of {SPLIT}; how many the organisers scored is not known here"]
    if n != images:
        return [f"scored on {n:,} images of {SPLIT}; the organisers scored {images:,}: a part, or other images"]
    return []
