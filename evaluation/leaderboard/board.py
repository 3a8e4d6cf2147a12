"""A leaderboard with our runs in it.

board = make_board(Task.CONCEPTS, 2026, runs=[read_run(Path("submissions/concept_detection/base"))])
[place] = board.places
place.standing.rank, place.standing.of, place.ranks      # (5, 8, (3, 6))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from evaluation.inputs.run_folders import Run
from evaluation.leaderboard.own import Entry, entries, official_metrics
from evaluation.leaderboard.published import warnings_of
from evaluation.leaderboard.rows import Published, Row, read_published
from evaluation.leaderboard.standing import Standing, compared, rank_range, standing, true_rank
from evaluation.uploads.ledger import Upload
from tasks.nouns import InputError, Task

Bounds = tuple[int, int | None]
"""The best and the worst rank; None where there is no worst."""


@dataclass(frozen=True, slots=True)
class Place:
    """A run and where it would have stood."""

    entry: Entry
    row: Row | None = None
    """The published row that is this run itself."""
    standing: Standing | None = None
    """Among the other rows; None where the run stands nowhere."""
    ranks: tuple[int, int] | None = None
    """The best and the worst rank within its 95 % interval; None without an interval."""
    true_ranks: Mapping[str, Bounds] = field(default_factory=dict)
    """`runs` or `teams`, or `` where no source says what is counted -> bounds; only where the table is partial
    and the score comparable."""


@dataclass(frozen=True, slots=True)
class Board:
    """A published table with our runs beside it."""

    table: Published
    metric: str
    """By which all are placed."""
    places: tuple[Place, ...]
    """The placed ones first, the best first."""

    @property
    def published(self) -> list[Row]:
        """The published rows that are not among ours."""
        ours = [place.row.line for place in self.places if place.row]
        return [row for row in self.table.rows if row.line not in ours]

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        table = self.table
        return {
            "task": table.task.value,
            "edition": table.edition,
            "metric": self.metric,
            "about": table.about.model_dump(),
            "warnings": warnings_of(table, self.metric),
            "published": [
                {**row.model_dump(exclude={"line"}), "scores": {name: float(v) for name, v in row.scores.items()}}
                for row in table.rows
            ],
            "runs": [_place_json(place) for place in self.places],
        }


def make_board(
    task: Task, edition: int, *, runs: Sequence[Run], uploads: Sequence[Upload] = (), by: str | None = None
) -> Board:
    """The table of `task` and `edition` with these runs, placed by the score that it is ranked by, or by `by`."""
    table = read_published(task, edition)
    metric = by or table.about.ranked_by
    if metric not in official_metrics(table):
        known = ", ".join(official_metrics(table))
        raise InputError(f"--by {metric}: the table of {task} {edition} has no such official score: use one of {known}")
    own = entries(runs, uploads, table, metric)
    places = [_place(entry, table, metric) for entry in own]
    return Board(table, metric, tuple(sorted(places, key=_best_first)))


def _place(entry: Entry, table: Published, metric: str) -> Place:
    if entry.value is None:
        return Place(entry)
    row = _itself(entry, table, metric)
    rivals = [other for other in table.rows if other is not row]
    bounds: dict[str, Bounds] = {}
    if not table.about.complete and metric == table.about.ranked_by and not entry.doubts:
        for counts in ("runs", "teams", ""):
            if any(other.rank and other.counts == counts and metric in other.scores for other in rivals):
                bounds[counts] = true_rank(entry.value, rivals, metric, counts=counts)
        if row is not None and row.rank is not None:
            bounds[row.counts] = (row.rank, row.rank)
    ranks = rank_range(entry.ci, rivals, metric) if entry.ci else None
    return Place(entry, row, standing(entry.value, rivals, metric), ranks, bounds)


def _itself(entry: Entry, table: Published, metric: str) -> Row | None:
    """The published row with the number and the score of our submission."""
    for row in table.rows:
        same = row.run == entry.submission_id and entry.official and row.run and metric in row.scores
        if same and entry.value is not None and compared(entry.value, row.scores[metric]) == 0:
            return row
    return None


def _best_first(place: Place) -> tuple[bool, float, str]:
    return place.entry.value is None, -(place.entry.value or 0), place.entry.name


def _place_json(place: Place) -> dict[str, Any]:
    entry = place.entry
    return {
        "run": entry.name,
        "folder": str(entry.folder) if entry.folder else None,
        "official": entry.official,
        "team": entry.team,
        "submission_id": entry.submission_id,
        "value": entry.value,
        "ci": list(entry.ci) if entry.ci else None,
        **(asdict(place.standing) if place.standing else dict.fromkeys(("rank", "of", "ties", "to_next", "to_first"))),
        "rank_range": list(place.ranks) if place.ranks else None,
        "true_ranks": {counts or "unknown": list(bounds) for counts, bounds in place.true_ranks.items()},
        "scores": dict(entry.scores),
        "not_comparable": list(entry.doubts),
        "not_placed": entry.not_placed,
    }
