"""Our own estimate of an upload's official score, and how far estimates and official scores agree.

The estimate is the score of the uploaded run itself, where it has references, or else of its sibling: the run with the
same fingerprint but for the images it answered, as one over the validation split.

    estimate = estimate_of(upload, runs, name="f1")     # Estimate(run=..., value=0.251, ci=(0.23, 0.28), ...)
    agreement([(0.50, 0.48), (0.55, 0.54), (0.60, 0.56)])       # Agreement(n=3, error=0.0233, bias=0.0233, rank=1.0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.inputs.run_folders import Run
from evaluation.profiles import SURROGATE
from evaluation.uploads.ledger import Upload
from evaluation.uploads.runs import run_of

OF_THE_IMAGES = frozenset({"data.split", "images", "learn", "tune", "members"})
"""Inputs of a fingerprint that differ between a run and its sibling; the members of an ensemble are its siblings'."""
FEWEST = 3
"""Uploads from which on a correlation of ranks is said."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What our scorer gave for an upload."""

    run: Run
    """The uploaded run or its sibling."""
    name: str
    """The score, or the surrogate that stands for it."""
    value: float
    ci: tuple[float, float]

    @property
    def surrogate(self) -> bool:
        """Whether it is on another scale than the official score, so that only the order can be compared."""
        return self.name.endswith(SURROGATE)

    def holds(self, official: float) -> bool:
        """Whether the official score lies in our interval."""
        return self.ci[0] <= official <= self.ci[1]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far our estimates of some uploads can be trusted."""

    n: int
    error: float
    """The mean absolute difference."""
    bias: float
    """The mean of estimate minus official."""
    rank: float | None
    """Spearman's correlation; None for fewer than three, or where one side is the same for all."""


def estimate_of(upload: Upload, runs: Sequence[Run], *, name: str) -> Estimate | None:
    """The estimate of the official score `name`; None where no run has it."""
    own = run_of(upload, runs)
    if own is None:
        return None
    year = (own.task, own.edition)
    siblings = [run for run in runs if run is not own and (run.task, run.edition) == year and are_siblings(own, run)]
    # Of several siblings the one with the most images is the surest, then the newest.
    for run in [own, *sorted(siblings, key=lambda run: (_size(run), run.finished), reverse=True)]:
        entries = run.scores["scores"] if run.scores else {}
        for known in (name, f"{name}{SURROGATE}"):
            if known in entries:
                low, high = entries[known]["ci"]
                return Estimate(run, known, float(entries[known]["value"]), (float(low), float(high)))
    return None


def are_siblings(one: Run, other: Run) -> bool:
    """Whether two runs over the same data set differ in nothing but the images they answered."""
    ours, theirs = (run.record.get("fingerprint", {}).get("inputs") for run in (one, other))
    same_data = one.record["data"]["path"] == other.record["data"]["path"] or _files(one) == _files(other) != {}
    if not ours or not theirs or not same_data or sorted(ours.get("members", ())) != sorted(theirs.get("members", ())):
        return False
    keys = (ours.keys() | theirs.keys()) - OF_THE_IMAGES
    # A version that did not know a key yet did what its default, which is nothing, does today.
    return all(ours.get(key) == theirs.get(key) or not (ours.get(key) or theirs.get(key)) for key in keys)


def agreement(pairs: Sequence[tuple[float, float]]) -> Agreement:
    """Of at least one pair of an estimate and its official score."""
    from scipy.stats import spearmanr  # type: ignore[import-untyped]

    differences = [estimate - official for estimate, official in pairs]
    varied = all(len(set(side)) > 1 for side in zip(*pairs, strict=True))
    return Agreement(
        n=len(pairs),
        error=sum(map(abs, differences)) / len(pairs),
        bias=sum(differences) / len(pairs),
        rank=float(spearmanr(*zip(*pairs, strict=True)).statistic) if varied and len(pairs) >= FEWEST else None,
    )


def _size(run: Run) -> int:
    return int(run.scores["n"]) if run.scores else 0


def _files(run: Run) -> Mapping[str, Any]:
    files: Mapping[str, Any] = run.record["data"].get("files") or {}
    return files
