"""The runs of a repository over time, and which of them was the best so far.

Only runs with the same score of the same references compare with one another, so each such group is a series: by task,
edition, split, and the score's signature, which pins references, profile and formula.

    [series] = best_so_far(runs_under(Path("submissions"))[0])
    series.metric, [(moment.run.name, moment.value, moment.best) for moment in series.moments]
    # ("f1", [("base", 0.51, True), ("lora", 0.50, False), ("ensemble", 0.56, True)])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.inputs.run_folders import Run
from tasks.nouns import Task


@dataclass(frozen=True, slots=True)
class Moment:
    """A run at the time it was finished."""

    run: Run
    value: float
    ci: tuple[float, float]
    """The 95 % interval."""
    best: bool
    """Whether no run before it had as high a score."""


@dataclass(frozen=True, slots=True)
class Series:
    """Runs that compare with one another, oldest first, at least one."""

    task: Task
    edition: int
    split: str
    data: str
    """The path of the data set, as the newest of the runs has it."""
    n: int
    """How many images are scored."""
    metric: str
    role: str
    """What the score is in its profile: `primary`, or another role where the primary score cannot be computed."""
    surrogate: bool
    moments: tuple[Moment, ...]

    @property
    def best(self) -> Moment:
        """The best of all; the first that reached its score."""
        return [moment for moment in self.moments if moment.best][-1]

    @property
    def title(self) -> str:
        """What is compared, in words."""
        kind = "" if self.role == "primary" else ", a surrogate" if self.surrogate else ", not the primary score"
        return f"{self.metric}{kind} · {self.task} {self.edition} · {self.n} images of {self.split} of {self.data}"


def headline(run: Run) -> tuple[str, Mapping[str, Any]] | None:
    """Name and entry of the score that stands for the run: the primary one, else the first of its table that it has."""
    entries = run.scores["scores"] if run.scores else {}
    return run.primary or next(iter(entries.items()), None)


def best_so_far(runs: Sequence[Run]) -> list[Series]:
    """The series of these runs, oldest run first within each, the series with the newest run first.

    Runs without a score are left out.
    """
    groups: dict[tuple[object, ...], list[tuple[Run, str, Mapping[str, Any]]]] = {}
    for run in sorted(runs, key=lambda run: (run.finished, run.name)):
        if run.scores is not None and (found := headline(run)) is not None:
            metric, entry = found
            key = (run.task, run.edition, run.split, metric, entry.get("signature", ""), run.scores.get("n"))
            groups.setdefault(key, []).append((run, metric, entry))
    newest_first = sorted(groups.values(), key=lambda group: group[-1][0].finished, reverse=True)
    return [_series(group) for group in newest_first]


def _series(group: Sequence[tuple[Run, str, Mapping[str, Any]]]) -> Series:
    moments: list[Moment] = []
    for run, _, entry in group:
        value = float(entry["value"])
        low, high = entry["ci"]
        best = all(value > before.value for before in moments)
        moments.append(Moment(run, value, (float(low), float(high)), best))
    run, metric, entry = group[-1]
    return Series(
        task=run.task,
        edition=run.edition,
        split=run.split,
        data=str(run.record["data"]["path"]),
        n=int((run.scores or {}).get("n", 0)),
        metric=metric,
        role=str(entry["role"]),
        surrogate=bool(entry.get("surrogate")),
        moments=tuple(moments),
    )
