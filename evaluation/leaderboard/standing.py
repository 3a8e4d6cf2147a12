"""Where a score would have stood among published rows.

Published scores are rounded, so a score is compared with each row to as many digits as the row has; equal ones share a
rank. Where only some rows of a table are known, their published ranks still bound the true rank: a score above the row
of rank 7 and below that of rank 5 would have been sixth or seventh.

    found = standing(0.5777, table.rows, "f1")
    found.rank, found.of, found.to_next, found.to_first          # (3, 8, -0.0003, -0.0004)
    true_rank(0.5777, table.rows, "f1", counts="runs")           # (5, 5)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from evaluation.leaderboard.rows import Row


@dataclass(frozen=True, slots=True)
class Standing:
    """The place of a score among the listed rows that have this score."""

    rank: int
    """1 and the number of higher rows."""
    of: int
    """How many rows there are with ours."""
    ties: int
    """How many rows have the same score, to the digits published."""
    to_next: float | None
    """Our score minus the next higher one, below 0; None where none is higher."""
    to_first: float | None
    """Our score minus the highest one: 0 or above where ours would have been first; None without any row."""


def standing(score: float, rows: Sequence[Row], metric: str) -> Standing:
    """The place of `score` among the rows that have a value of `metric`."""
    published = [row.scores[metric] for row in rows if metric in row.scores]
    signs = [compared(score, value) for value in published]
    higher = [value for value, sign in zip(published, signs, strict=True) if sign < 0]
    return Standing(
        rank=1 + len(higher),
        of=1 + len(published),
        ties=signs.count(0),
        to_next=score - float(min(higher)) if higher else None,
        to_first=score - float(max(published)) if published else None,
    )


def rank_range(ci: tuple[float, float], rows: Sequence[Row], metric: str) -> tuple[int, int]:
    """The best and the worst rank of the scores within the interval."""
    low, high = ci
    return standing(high, rows, metric).rank, standing(low, rows, metric).rank


def true_rank(score: float, rows: Sequence[Row], metric: str, *, counts: str) -> tuple[int, int | None]:
    """The best and the worst rank that `score` can have had in the whole table, by the ranks of its known rows.

    `metric` must be what the table is ranked by. None where no known row is as low as the score. A row without a
    value tells nothing, except that there are no fewer runs or teams than its rank.
    """
    ranked = [row for row in rows if row.rank is not None and row.counts == counts and metric in row.scores]
    above = [row.rank or 0 for row in ranked if compared(score, row.scores[metric]) < 0]
    below = [row.rank or 0 for row in ranked if compared(score, row.scores[metric]) >= 0]
    known_above = {
        (row.team, row.run if counts == "runs" else "") for row in rows if _is_above(score, row, metric, counts=counts)
    }
    return 1 + max([*above, len(known_above)], default=0), min(below, default=None)


def compared(score: float, published: Decimal) -> int:
    """-1, 0 or 1: `score`, rounded to the digits of `published`, is lower, the same or higher."""
    rounded = Decimal(repr(score)).quantize(published, rounding=ROUND_HALF_EVEN)
    return (rounded > published) - (rounded < published)


def _is_above(score: float, row: Row, metric: str, *, counts: str) -> bool:
    """Whether the row is a run, or the run of a team, that stands above for certain and can be told from others."""
    named = bool(row.team) and (counts == "teams" or bool(row.run))
    return named and metric in row.scores and compared(score, row.scores[metric]) < 0
