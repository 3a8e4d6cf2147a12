"""Fits an ensemble on a tuning split and tells by cross-validation what it will be worth; applies it to other images.

Members, weights, the members' thresholds where they vote, and the decision rule of the whole are all chosen anew
without each fold in turn, so the held-out score owes nothing to the choice, and the gap says how much the other does:

    tuned = tune_ensemble(members, references, ensemble, Decision(), groups=articles, seed=0)
    tuned.fitted.weights, tuned.score_held_out, tuned.gap      # {"knn": 2, "mlp": 1, "vlm": 0}, .261, .006
    decide_ensemble(asked, tuned.fitted)                       # [("C0040405", "C0817096"), ...]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from runners.config import Section
from runners.decisions.cases import Cases, Scores, cases_of
from runners.decisions.config import Decision
from runners.decisions.folds import Rows, cross_validate, fold_of
from runners.decisions.simple import Threshold, fit_threshold
from runners.decisions.truths import truths_of
from runners.decisions.tune import Fitted, Tuned, decide, fit, groups_of, scores_of
from runners.ensemble.combine import answered, mean, ranked
from runners.ensemble.config import Combine, Ensemble
from runners.ensemble.members import Members, aligned
from runners.ensemble.search import greedy, stack_of, weighted
from tasks.nouns import InputError
from tasks.probabilities import Probabilities

_SEARCHES = {"greedy": greedy, "weighted": weighted}


class FittedEnsemble(Section):
    """All that is needed to combine the members' probabilities of other images, and to decide."""

    combine: Combine
    weights: dict[str, Annotated[float, Field(ge=0)]]
    """By member; one without a weight, or with 0, has no say."""
    thresholds: dict[str, Threshold]
    """Where answers are combined, by member: how its probabilities become answers; else empty."""
    decision: Fitted


def tune_ensemble(
    members: Members,
    references: Mapping[str, Sequence[str]],
    ensemble: Ensemble,
    decision: Decision,
    *,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Tuned[FittedEnsemble]:
    """Fit the ensemble on the images of its first member, and check it by cross-validation.

    `members` are called as in the config, `groups` stand in the order of the first member's images.
    """
    weights = {member.title: member.weight for member in ensemble.members}
    if members.keys() != weights.keys():
        raise InputError(
            f"members {', '.join(members)} for the ensemble of {', '.join(weights)}: give those of the config"
        )
    fitter = Fitter(aligned(members), references, ensemble, decision)
    groups = groups_of(fitter.first, groups)

    def learn(rows: Rows) -> Callable[[Rows], Scores]:
        cases, fitted = fitter.fit(rows, [groups[row] for row in rows], seed)
        return lambda asked: scores_of(cases.rows(asked), fitted.decision)

    checked = cross_validate(fold_of(groups, folds=decision.folds, seed=seed), learn)
    return Tuned(fitter.fit(None, groups, seed)[1], checked, groups)


def fuse(members: Members, fitted: FittedEnsemble) -> Probabilities:
    """The members' probabilities as one; InputError when a member that counts is missing."""
    if missing := [name for name, weight in fitted.weights.items() if weight and name not in members]:
        raise InputError(f"the ensemble's member {missing[0]} is missing: give the probabilities of each member")
    used = aligned({name: p for name, p in members.items() if fitted.weights.get(name)})
    return mean(
        {name: _voice(p, fitted.combine, fitted.thresholds.get(name)) for name, p in used.items()}, fitted.weights
    )


def decide_ensemble(members: Members, fitted: FittedEnsemble) -> list[tuple[str, ...]]:
    """The CUIs of each image of the first member that counts."""
    return decide(fuse(members, fitted), fitted.decision)


class Fitter:
    """Fits on some of the images, keeping what does not change from fold to fold."""

    def __init__(
        self, members: Members, references: Mapping[str, Sequence[str]], ensemble: Ensemble, decision: Decision
    ) -> None:
        self.members, self.ensemble, self.decision = members, ensemble, decision
        self.first = next(iter(members.values()))
        if not self.first.cuis:
            raise InputError(f"no member of {', '.join(members)} has a concept for any image: give others")
        self.truths = truths_of(references, self.first)
        self.given = {member.title: member.weight for member in ensemble.members}
        self.search = _SEARCHES.get(ensemble.combine)
        self.stack = stack_of(members, self.truths) if self.search else None
        self.voting = ensemble.combine in ("vote", "union", "intersection")
        self.cases_of = {name: cases_of(p, self.truths) for name, p in members.items()} if self.voting else {}
        self.fused: dict[str, Cases] = {}

    def fit(self, rows: Rows | None, groups: Sequence[Hashable], seed: int) -> tuple[Cases, FittedEnsemble]:
        """Fitted on these rows, or all; with the cases of all images as it combines them."""
        weights = self.given
        if self.search and self.stack:
            weights = self.search(self.stack if rows is None else self.stack.rows(rows))
        thresholds = {name: fit_threshold(_part(cases, rows)) for name, cases in self.cases_of.items()}
        draft = FittedEnsemble(
            combine=self.ensemble.combine, weights=weights, thresholds=thresholds, decision=Threshold(threshold=0.5)
        )
        key = draft.model_dump_json()
        if key not in self.fused:
            self.fused = {key: cases_of(fuse(self.members, draft), self.truths)}
        cases = self.fused[key]
        rule = self._counted() or fit(_part(cases, rows), self.decision, groups=groups, seed=seed)
        return cases, draft.model_copy(update={"decision": rule})

    def _counted(self) -> Threshold | None:
        """The rule where the config says how many votes a concept needs."""
        number = len(self.ensemble.members)
        needed = {"union": 1, "intersection": number, "vote": self.ensemble.votes}.get(self.ensemble.combine)
        return Threshold(threshold=(needed - 0.5) / number) if needed else None


def _voice(p: Probabilities, combine: Combine, threshold: Threshold | None) -> Probabilities:
    """What a member says in this kind of ensemble."""
    if combine == "rank_mean":
        return ranked(p)
    return answered(p, threshold) if threshold else p


def _part(cases: Cases, rows: Rows | None) -> Cases:
    return cases if rows is None else cases.rows(rows)
