"""What the page of all runs says of each: a row for the table, and the settings that two runs are compared by.

[row] = rows_of(runs_under(Path("submissions"))[0], read_ledger(Path("submissions")))[0]
row.score, row.settings["generation.num_beams"]     # Shown("0.5123", 0.5123, "f1, 0.495 – 0.530"), 3
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.history.series import best_so_far, headline
from evaluation.inputs.run_folders import Run
from evaluation.uploads.ledger import Upload
from evaluation.uploads.official import primary_of
from evaluation.uploads.runs import run_of

FILES = {"run.json": "record", "scores.json": "scores", "submission.zip": "zip", "gallery.html": "gallery"}
"""What a row leads to, where it is there."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell: its text, what it is sorted by, and what stands small below."""

    text: str
    order: float | str | None = None
    """None is last whatever the direction."""
    small: str = ""
    bad: bool = False
    """Whether it is shown as a warning."""


@dataclass(frozen=True, slots=True)
class Row:
    """A finished run."""

    folder: Path
    name: str
    task: str
    cells: Mapping[str, Shown]
    """By the titles of the table's columns."""
    best: bool
    """Whether it is the best of those that it compares with, of two or more."""
    before: str
    """The folder's name of the run of its task that was finished before it; empty for the first."""
    restricted: str
    """What it was made from that may not be passed on; empty for free data."""
    files: tuple[tuple[str, Path], ...]
    settings: Mapping[str, Any]
    """Key -> value of the config, of the fingerprint's inputs and of the versions."""


def rows_of(runs: Sequence[Run], uploads: Sequence[Upload]) -> tuple[list[Row], dict[Path, str]]:
    """A row for each run, newest first, and why the others cannot be shown."""
    best = {series.best.run.folder for series in best_so_far(runs) if len(series.moments) > 1}
    rows: list[Row] = []
    unreadable = {}
    last: dict[str, str] = {}
    of = {one.identity: found.folder for one in uploads if (found := run_of(one, runs)) is not None}
    for run in sorted(runs, key=lambda run: (run.finished, run.folder)):
        own = [one for one in uploads if of.get(one.identity) == run.folder]
        try:
            row = _row(run, own, best=run.folder in best, before=last.get(run.task, ""))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__}: {error}"
            unreadable[run.folder] = (
                f"{run.folder}/run.json is not as this program writes it ({what}): see git or a copy"
            )
            continue
        rows.append(row)
        last[run.task] = str(run.folder)
    return rows[::-1], unreadable


def settings_of(run: Run) -> dict[str, Any]:
    """What may make a difference between two runs, texts of a run on restricted data as their hashes."""
    record, session = run.record, _session(run)
    git = session.get("git") or {}
    config, inputs = record.get("config", {}), record.get("fingerprint", {}).get("inputs", {})
    # The config names a file, the fingerprint says what was in it: another adapter may lie at the same path.
    taken = {key if config.get(key, value) == value else f"{key}, its content": value for key, value in inputs.items()}
    settings = {
        **config,
        **taken,
        **{f"version of {name}": version for name, version in session.get("versions", {}).items()},
        "git commit": f"{str(git.get('commit'))[:10]}{', changed' if git.get('dirty') else ''}",
    }
    if not record["data"].get("restricted"):
        return settings
    return {key: _hidden(value) if key.split(".")[0] == "prompt" else value for key, value in settings.items()}


def _row(run: Run, uploads: Sequence[Upload], *, best: bool, before: str) -> Row:
    record = run.record
    data = str(record["data"]["path"])
    cells = {
        "Run": Shown(run.name, run.name.casefold(), _model(record)),
        "Score": _score(run),
        "Official": _official(uploads),
        "Task": Shown(run.task.value.replace("_", " "), run.task.value),
        "Edition": Shown(str(run.edition), run.edition),
        "Split": Shown(run.split, run.split),
        "Data": Shown(
            Path(data).name or data, data, f"{record['data']['n']:,} images" if "n" in record["data"] else ""
        ),
        "Check": _check(record.get("check") or {}),
        "Failed": _failed(record),
        "Finished": Shown(run.finished[:10], run.finished, run.finished[11:16]),
        "Took": _took(record),
        "Hardware": _hardware(_session(run).get("hardware") or {}),
    }
    return Row(
        folder=run.folder,
        name=run.name,
        task=run.task.value,
        cells=cells,
        best=best,
        before=before,
        restricted=str(record["data"].get("restricted") or ""),
        files=tuple((title, run.folder / name) for name, title in FILES.items() if (run.folder / name).exists()),
        settings=settings_of(run),
    )


def _session(run: Run) -> Mapping[str, Any]:
    return (run.record.get("sessions") or [{}])[-1]  # type: ignore[no-any-return]


def _model(record: Mapping[str, Any]) -> str:
    """What answered: a model, or a system's method."""
    base, system = record.get("base") or {}, record.get("system") or {}
    adapters = "".join(f" + {Path(str(one['path'])).name}" for one in record.get("adapters") or ())
    return Path(str(base["name"])).name + adapters if base else str(system.get("method", ""))


def _score(run: Run) -> Shown:
    found = headline(run)
    if found is None:
        return Shown("none", None, "" if run.scores else "not scored")
    name, entry = found
    low, high = entry["ci"]
    kind = " (surrogate)" if entry.get("surrogate") else "" if entry["role"] == "primary" else " (not primary)"
    return Shown(f"{entry['value']:.4f}", float(entry["value"]), f"{name}{kind}, {low:.3f} – {high:.3f}")


def _official(uploads: Sequence[Upload]) -> Shown:
    """The newest official primary score of the run's uploads."""
    if not uploads:
        return Shown("")
    last = max([one for one in uploads if one.scores] or uploads, key=lambda one: one.uploaded)
    names = [primary_of(last.task, last.edition), *last.scores]
    name = next((name for name in names if name in last.scores), None)
    often = f", one of {len(uploads)} uploads" if len(uploads) > 1 else ""
    small = f"uploaded {last.uploaded[:10]} by {last.team}{often}"
    if name is None:
        return Shown("awaited", None, small)
    return Shown(f"{last.scores[name]:.4f}", last.scores[name], f"{name}, {small}")


def _check(check: Mapping[str, Any]) -> Shown:
    if not check:
        return Shown("not checked", 1, bad=True)
    warnings = sum(check.get("warnings", {}).values())
    small = f"{warnings} warning{'s' * (warnings > 1)}" if warnings else ""
    return Shown("accepted", 0, small) if check.get("accepted") else Shown("refused", 2, small, bad=True)


def _failed(record: Mapping[str, Any]) -> Shown:
    failed = int((record.get("counts") or {}).get("failed", 0))
    return Shown(f"{failed:,}", failed, bad=failed > 0)


def _took(record: Mapping[str, Any]) -> Shown:
    """The time of all sessions that ended; a session that was killed has none."""
    seconds = sum(float(session.get("seconds") or 0) for session in record.get("sessions") or ())
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    text = f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{seconds:.1f} s"
    return Shown(text if seconds else "", seconds or None)


def _hardware(hardware: Mapping[str, Any]) -> Shown:
    found = hardware.get("accelerators") or ()
    accelerators = [str(one.get("name", one) if isinstance(one, dict) else one) for one in found]
    processor = f"{hardware.get('cpu', '')}, {hardware['cores']} cores" if "cores" in hardware else ""
    text = ", ".join(dict.fromkeys(accelerators)) or processor
    count = f"{len(accelerators)} of them" if len(accelerators) > 1 else ""
    return Shown(text, text.casefold() or None, count)


def _hidden(value: object) -> object:
    return f"hidden, sha256:{hashlib.sha256(value.encode()).hexdigest()[:12]}" if isinstance(value, str) else value
