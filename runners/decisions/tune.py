"""Fits a rule on a tuning split and tells by cross-validation what it will be worth; applies it to other images.

The score on the images a rule was fitted on is too good. So the rule is fitted again without each fold in turn and
scored on that fold; with `rule: auto` the choice among the rules is made anew in each fold, by a cross-validation
inside it (nested). Nothing here ever sees the test split's answers:

    tuned = tune(p, truths, Decision(rule="auto"), groups=articles, seed=0)
    tuned.fitted                           # ExpectedF1(calibration=..., outside=(0.3, 0.2, ...))
    tuned.score_held_out, tuned.gap        # .249, .002
    decide(asked, tuned.fitted)            # [("C0040405", "C0817096"), ...]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from runners.config import Section
from runners.decisions.cases import Cases, Scores, candidates_of, cases_of
from runners.decisions.config import Decision
from runners.decisions.expected_f1 import ExpectedF1, fit_expected_f1
from runners.decisions.folds import CrossValidated, Learn, Rows, cross_validate, fold_of
from runners.decisions.intervals import interval
from runners.decisions.per_concept import PerConcept, fit_per_concept
from runners.decisions.simple import Threshold, TopK, fit_threshold, fit_top_k
from runners.decisions.truths import Truths
from tasks.nouns import InputError
from tasks.probabilities import Probabilities

Fitted = Annotated[Threshold | TopK | PerConcept | ExpectedF1, Field(discriminator="rule")]
"""A rule with its numbers; a pydantic model, so `model_dump()` is its JSON."""
Rule = Threshold | TopK | PerConcept | ExpectedF1
Fit = Callable[[Cases], Rule]


F = TypeVar("F", bound=Section)


@dataclass(frozen=True, eq=False)
class Tuned(Generic[F]):
    """What was fitted, a rule or an ensemble with its rule, and what it is worth."""

    fitted: F
    """Fitted on all tuning images."""
    checked: CrossValidated
    groups: tuple[Hashable, ...]
    """Group of each tuning image."""

    @property
    def score_tuned(self) -> float:
        """Mean F1 on the images that a rule was fitted on, over the folds."""
        return self.checked.tuned

    @property
    def score_held_out(self) -> float:
        """Mean F1 of all images, each by the rule fitted without its fold: what to expect of new images."""
        return float(self.checked.held_out.mean())

    @property
    def gap(self) -> float:
        """The optimism: the first less the second."""
        return self.checked.gap

    @property
    def held_out(self) -> Scores:
        """F1 of each tuning image by the rule fitted without its fold."""
        return self.checked.held_out

    def interval(self, *, images: int | None = None) -> tuple[float, float]:
        """Where the mean F1 of all such images lies (95 %), or with `images` that of so many new ones."""
        return interval(self.held_out, self.groups, images=images)

    def summary(self) -> str:
        """One line for people."""
        low, high = self.interval()
        return (
            f"F1 {self.score_tuned:.4f} on the tuning folds, {self.score_held_out:.4f} held out "
            f"(95 % {low:.4f} – {high:.4f}), optimism {self.gap:+.4f}"
        )

    def to_json(self) -> dict[str, Any]:
        """What decision.json holds."""
        return {
            "fitted": self.fitted.model_dump(),
            "score_tuned": self.score_tuned,
            "score_held_out": self.score_held_out,
            "interval": self.interval(),
            "gap": self.gap,
            "tuned_by_fold": self.checked.tuned_by_fold,
            "held_out_by_fold": self.checked.held_out_by_fold,
            "images": len(self.held_out),
            "groups": len(set(self.groups)),
        }


def tune(
    p: Probabilities, truths: Truths, config: Decision, *, groups: Sequence[Hashable] | None = None, seed: int = 0
) -> Tuned[Rule]:
    """Fit the rule on all images, and check it by cross-validation; images of one group stay in one fold."""
    groups = groups_of(p, groups)
    cases = cases_of(p, truths)
    checked = cross_validate(fold_of(groups, folds=config.folds, seed=seed), learner(cases, config, groups, seed))
    return Tuned(fit(cases, config, groups=groups, seed=seed), checked, groups)


def groups_of(p: Probabilities, groups: Sequence[Hashable] | None) -> tuple[Hashable, ...]:
    """The group of each image; where none are known, each is its own."""
    if groups is None:
        return tuple(range(len(p)))
    if len(groups) != len(p):
        raise InputError(f"{len(groups)} groups for {len(p)} images: give each tuning image the group it belongs to")
    return tuple(groups)


def decide(p: Probabilities, fitted: Rule) -> list[tuple[str, ...]]:
    """The CUIs of each image, in ascending order, at most 100; none only where nothing has a probability."""
    candidates = candidates_of(p)
    chosen = fitted.choose(candidates)
    return [
        tuple(sorted(p.cuis[column] for column in columns[kept]))
        for columns, kept in zip(candidates.columns, chosen, strict=True)
    ]


def fitted_of(stored: Mapping[str, Any]) -> Rule:
    """The rule that `model_dump` wrote; InputError when it is something else."""
    try:
        return TypeAdapter[Rule](Fitted).validate_python(dict(stored))
    except ValidationError as error:
        raise InputError(f"this is no fitted decision rule ({error.errors()[0]['msg']}): tune it again") from None


def fit(cases: Cases, config: Decision, *, groups: Sequence[Hashable], seed: int) -> Rule:
    """The rule of the config, fitted on all of the cases; for `auto` that of the best held-out score."""
    fits = _fits(config)
    if config.rule != "auto":
        return fits[config.rule](cases)
    fold = fold_of(groups, folds=config.folds, seed=seed)
    held_out = {rule: _held_out(cases, one, fold).mean() for rule, one in fits.items()}
    return fits[max(held_out, key=held_out.__getitem__)](cases)  # of equal ones the simplest, which stands first


def learner(cases: Cases, config: Decision, groups: Sequence[Hashable], seed: int) -> Learn:
    """What `cross_validate` asks for."""

    def learn(rows: Rows) -> Callable[[Rows], Scores]:
        fitted = fit(cases.rows(rows), config, groups=[groups[row] for row in rows], seed=seed)
        return lambda asked: scores_of(cases.rows(asked), fitted)

    return learn


def scores_of(cases: Cases, fitted: Rule) -> Scores:
    """F1 of each image when the rule chooses."""
    return cases.f1(fitted.choose(cases))


def _fits(config: Decision) -> dict[str, Fit]:
    return {
        "threshold": fit_threshold,
        "top_k": fit_top_k,
        "per_concept": partial(fit_per_concept, min_support=config.min_support),
        "expected_f1": fit_expected_f1,
    }


def _held_out(cases: Cases, one: Fit, fold: Rows) -> Scores:
    """F1 of each image by the rule fitted without its fold; the images fitted on are not scored, which takes time."""
    scores = np.empty(len(cases))
    for left_out in range(int(fold.max()) + 1):
        rows = np.flatnonzero(fold == left_out)
        scores[rows] = scores_of(cases.rows(rows), one(cases.rows(np.flatnonzero(fold != left_out))))
    return scores
