"""Scores of a submission: values, intervals, signatures, and what could not be computed.

Nothing is left out silently: a metric that needs a model is listed as unavailable with the reason, and a
composite is never computed from fewer parts than it has. Each signature pins profile, tokenizer, reference set
and formula:

    edition = load_edition(2026, Task.CONCEPTS)
    f1 = score_predictions(predictions, references, task=Task.CONCEPTS, edition=edition).scores["f1"]
    f1.value, f1.ci      # 0.5833, (0.41, 0.72)
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from evaluation import providers
from evaluation.bootstrap import intervals
from evaluation.measure import Measured, measure_concepts, measure_texts, text_of
from evaluation.profiles import Profile, Role, profile_of
from evaluation.statistics import Array
from tasks.editions import Edition
from tasks.nouns import InputError, Task, Value

FEW = 100
"""Below this many images intervals are wide, and percentile intervals too narrow."""


@dataclass(frozen=True, slots=True)
class Score:
    """One number and what it means."""

    value: float
    ci: tuple[float, float]
    """The 95 % interval."""
    signature: str
    role: Role
    per_image: Array
    """In the order of `Scores.ids`; NaN for an image that does not count."""
    surrogate: bool = False
    """An offline stand-in for an official metric."""

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


def score_predictions(
    predictions: Mapping[str, Value],
    references: Mapping[str, Value],
    *,
    task: Task,
    edition: Edition,
    secondary: Mapping[str, tuple[str, ...]] | None = None,
    profile: str = "imageclef",
    metrics: Sequence[str] = (),
    models: Mapping[str, str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Score `predictions`, which must answer exactly the images of `references`.

    `secondary` holds the manual concepts of task 1; `metrics` selects by name, all of the profile when empty;
    `models` names other models than the official ones, {"bertscore": "models/minilm@6"}; None: no metric that needs
    a model is computed.
    """
    convention = profile_of(profile, task=task, edition=edition)
    common = _common_ids(predictions, references)
    ids = _counted(common, convention)
    wanted = _wanted(convention, metrics)
    answers, truths = [predictions[i] for i in ids], [references[i] for i in ids]
    asked = replace(convention, roles={name: convention.roles[name] for name in wanted})
    measured = _measure(answers, truths, task=task, profile=asked, manual=_manual(secondary, ids))
    missing = [name for name in wanted if name not in measured]
    if models is not None:
        measured |= providers.measure(missing, answers, truths, edition=edition, models=models)
    found = {name: measured[name] for name in wanted if name in measured}
    values = {name: one.statistics.value for name, one in found.items()}
    found = {name: one for name, one in found.items() if not math.isnan(values[name])}
    failed = {name: one.unavailable for name, one in measured.items()}
    official = {name: value for name, value in values.items() if not measured[name].surrogate}
    ends = intervals([one.statistics for one in found.values()], resamples=resamples, seed=seed)
    year = f"-{edition.year}" if profile == "imageclef" else ""
    pins = f"profile:{profile}{year}|refs:{_digest(references)}"
    return Scores(
        task=task,
        edition=edition.year,
        profile=profile,
        ids=ids,
        scores={
            name: Score(
                value=values[name],
                ci=ci,
                signature=f"{name}|{pins}|{one.formula}",
                role="extra" if one.surrogate else convention.roles[name],
                per_image=one.statistics.per_image,
                surrogate=one.surrogate,
            )
            for (name, one), ci in zip(found.items(), ends, strict=True)
        },
        unavailable={
            name: failed.get(name) or _why_not(name, convention, official) for name in wanted if name not in found
        },
        warnings=(
            *_warnings(answers, truths, measured=found),
            *_quirks(convention, measured=found, n=len(common), dropped=len(common) - len(ids)),
        ),
    )


def _measure(
    answers: list[Value],
    truths: list[Value],
    *,
    task: Task,
    profile: Profile,
    manual: list[tuple[str, ...]] | None,
) -> dict[str, Measured]:
    if task is Task.CONCEPTS:
        ours, theirs = cast(list[tuple[str, ...]], answers), cast(list[tuple[str, ...]], truths)
        return measure_concepts(ours, theirs, manual=manual, profile=profile)
    return measure_texts([text_of(a) for a in answers], [text_of(t) for t in truths], profile=profile)


def _common_ids(predictions: Mapping[str, Value], references: Mapping[str, Value]) -> tuple[str, ...]:
    """The ids in the order of the references; InputError when the two sets differ."""
    if not references:
        raise InputError("there is no reference to score against: give a file with at least one row")
    for ours, theirs, what in ((references, predictions, "no prediction"), (predictions, references, "no reference")):
        missing = [i for i in ours if i not in theirs]
        if missing:
            raise InputError(f"{len(missing)} images have {what}, the first is {missing[0]}: use matching files")
    return tuple(references)


def _counted(ids: tuple[str, ...], profile: Profile) -> tuple[str, ...]:
    """The images that the organisers' evaluator counts."""
    counted = tuple(i for i in ids if not (profile.drops_id_images and "ID" in i))
    if not counted:
        raise InputError("every image id holds 'ID', and the evaluator drops such rows as headers: nothing is left")
    return counted


def _manual(secondary: Mapping[str, tuple[str, ...]] | None, ids: Sequence[str]) -> list[tuple[str, ...]] | None:
    """The manual concepts of each image, none for an image without a row; None when there are none at all."""
    return [secondary.get(i, ()) for i in ids] if secondary else None


def _wanted(profile: Profile, metrics: Sequence[str]) -> list[str]:
    """The metrics to report: primary and secondary first, then parts, then extras."""
    unknown = [name for name in metrics if name not in profile.roles]
    if unknown:
        raise InputError(f"no metric '{unknown[0]}' in this profile: use some of {', '.join(profile.roles)}")
    order = ["primary", "secondary", "part", "extra"]
    return sorted(metrics or profile.roles, key=lambda name: order.index(profile.roles[name]))


def _why_not(name: str, profile: Profile, values: Mapping[str, float]) -> str:
    """Why `name` has no value."""
    if name in profile.composites:
        needs = [part for part in profile.composites[name] if part not in values]
        return f"incomplete: needs {', '.join(needs)}, and is never computed from fewer parts"
    if name in profile.needs:
        return f"needs {profile.needs[name]}"
    if name == "f1":
        return "no image has a true concept; the organisers' code divides by zero"
    if name in values:
        return "no image has one of the CUIs it counts in its manual concepts; the organisers' code divides by zero"
    if name == "f1_secondary":
        return "needs the manual concepts: give them with --references-secondary concepts_manual.csv"
    return providers.reason(name)


def _warnings(answers: list[Value], truths: list[Value], *, measured: Mapping[str, Measured]) -> list[str]:
    """What makes the numbers doubtful."""
    n = len(answers)
    found = []
    if n < FEW:
        found.append(f"only {n} images: below {FEW} the intervals are wide and still too optimistic")
    if [_line(answer) for answer in answers] == [_line(truth) for truth in truths]:
        found.append("every prediction equals its reference: were the references passed twice?")
    empty = sum(1 for answer in answers if not _line(answer).strip(" ;"))
    if empty:
        found.append(f"{empty} of {n} predictions are empty; they count as they are (mostly 0), none is left out")
    if any("tok:ptb-approx" in one.formula for one in measured.values()):
        found.append(
            "the PTB tokenizer did not run (it needs Java): an approximation was used, 'tok:ptb-approx' in the "
            "signatures, and the numbers differ slightly from COCO's; install a Java runtime for the exact ones"
        )
    return found


def _quirks(profile: Profile, *, measured: Mapping[str, Measured], n: int, dropped: int) -> list[str]:
    """What the organisers' ways changed in the numbers."""
    found = []
    if dropped:
        found.append(
            f"{dropped} of {n} images are not scored: the evaluator drops a row with 'ID' in its id as a header"
        )
    for name, one in measured.items():
        notes = [profile.notes[name]] if name in profile.notes else []
        found.extend(f"{name}: {said}" for said in (*one.warnings, *notes))
    return found


def _digest(references: Mapping[str, Value]) -> str:
    """Eight digits that change with any id or reference."""
    digest = hashlib.sha256()
    for image_id, value in sorted(references.items()):
        digest.update(f"{image_id}\t{_line(value)}\n".encode())
    return digest.hexdigest()[:8]


def _line(value: Value) -> str:
    """The value as one text."""
    return ";".join(value) if isinstance(value, tuple) else text_of(value)
