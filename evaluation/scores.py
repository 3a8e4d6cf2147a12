"""The scores of one submission as data: what the table shows and `scores.json` holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluation.profiles import Role
from evaluation.statistics import Array, Statistics
from tasks.nouns import Task


@dataclass(frozen=True, slots=True)
class Score:
    """One number and what it means."""

    value: float
    ci: tuple[float, float]
    """The 95 % interval."""
    signature: str
    role: Role
    statistics: Statistics
    """Its summands, one row for each of `Scores.ids`."""
    surrogate: bool = False
    """An offline stand-in for an official metric."""
    resampled: Array | None = field(default=None, repr=False, compare=False)
    """Its value in each resample that the interval was drawn from."""

    @property
    def per_image(self) -> Array:
        """In the order of `Scores.ids`; NaN for an image that does not count."""
        return self.statistics.per_image

    def to_json(self) -> dict[str, Any]:
        """The score without its values per image."""
        return {
            "value": self.value,
            "ci": list(self.ci),
            "signature": self.signature,
            "role": self.role,
            "surrogate": self.surrogate,
        }


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of one submission."""

    task: Task
    edition: int
    profile: str
    ids: tuple[str, ...]
    """The images that were scored."""
    scores: Mapping[str, Score]
    """Name -> score, in the order of the table."""
    unavailable: Mapping[str, str]
    """Name -> why, and how to get it."""
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints and `scores.json` holds."""
        return {
            "task": self.task.value,
            "edition": self.edition,
            "profile": self.profile,
            "n": len(self.ids),
            "scores": {name: score.to_json() for name, score in self.scores.items()},
            "unavailable": dict(self.unavailable),
            "warnings": list(self.warnings),
        }
