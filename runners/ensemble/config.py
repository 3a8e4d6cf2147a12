"""The section `ensemble` of a config: which systems, and how they are combined.

ensemble:
  members:
    - {config: knn.yaml}
    - {name: vlm, tune: submissions/concept_detection/vlm-valid, asked: submissions/concept_detection/vlm-test}
  combine: greedy
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePath
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from runners.config import Count, Section

Combine = Literal["mean", "rank_mean", "vote", "union", "intersection", "weighted", "greedy"]


class Member(Section):
    """One system: a config to run, or what it answered already."""

    name: str = ""
    """What it is called in records; empty: the name of its config or run."""
    config: str | None = None
    """A system's config."""
    tune: str | None = None
    """Its run folder, file of probabilities or concept file on the tuning split."""
    asked: str | None = None
    """The same for the images asked about."""
    weight: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _one(self) -> Self:
        files = (self.tune is not None) + (self.asked is not None)
        if files != (2 if self.config is None else 0):
            raise ValueError("give either config, or both tune and asked")
        if self.name in {".", ".."} or re.search(r"[/\\\0]", self.name):
            raise ValueError("name is that of one folder, without / and not . or ..")
        return self

    @property
    def title(self) -> str:
        """Its name, or that of its config or run."""
        path = PurePath(self.config or self.asked or "")
        return self.name or (path.name if self.config is None else path.stem)


class Ensemble(Section):
    """Several systems and how they are made one."""

    members: Annotated[tuple[Member, ...], Field(min_length=2)]
    combine: Combine = "mean"
    """mean of probabilities; mean of ranks, for members of different scales; vote, union or intersection of answers;
    weighted: mean with weights that are searched; greedy: mean of members picked one by one (Caruana et al. 2004)."""
    votes: Count | None = None
    """vote: members that must answer a concept; null: the decision rule takes the share of votes for a probability."""

    @model_validator(mode="after")
    def _idle(self) -> Self:
        # What silently did nothing would be reported in a paper as if it had.
        if self.votes is not None and self.combine != "vote":
            raise ValueError("votes has no effect without combine: vote")
        if (self.votes or 0) > len(self.members):
            raise ValueError(f"{self.votes} votes of {len(self.members)} members: ask for fewer")
        weighted = self.combine in ("mean", "rank_mean") or (self.combine == "vote" and self.votes is None)
        if not weighted and any(member.weight != 1 for member in self.members):
            raise ValueError(f"a member's weight has no effect with combine: {self.combine}")
        name, times = Counter(member.title for member in self.members).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{times} members are called {name}: give each a name of its own")
        return self
