"""What a system answered, and from probabilities to concepts by a rule that is tuned on the way."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.decisions.tune import Tuned
from runners.ensemble.rescore import consistent, rescored
from runners.systems.plan import SystemPlan
from tasks.datasets.dataset import ALIASES
from tasks.nouns import Value
from tasks.probabilities import Probabilities


@dataclass(frozen=True)
class Answers:
    """What a system answered."""

    values: Mapping[str, Value]
    """Image id -> CUIs, caption or report."""
    failures: Mapping[str, str]
    """Image id -> why it has no answer."""
    tuned: Tuned[Any] | None = None
    """Task 1: the decision."""


def probability_file(folder: Path, split: str) -> Path:
    """Where a run keeps what its decision is made from; `split` by any of its names."""
    return folder / f"probabilities.{ALIASES.get(split, split)}.npz"


def groups_for(plan: SystemPlan, p: Probabilities) -> list[Hashable]:
    """The article or patient of each tuning image; one of unknown origin is alone."""
    return [plan.tune.groups.get(image_id, image_id) for image_id in p.ids]


def corrected(plan: SystemPlan, p: Probabilities) -> Probabilities:
    """By which concepts go together in the images that are learned from, as `decision` says.

    What a run writes is uncorrected: an ensemble corrects its members by its own decision.
    """
    labels, decision = plan.learn.concepts.values(), plan.config.decision
    p = rescored(p, labels, strength=decision.cooccurrence)
    return consistent(p, labels) if decision.exclusive else p
