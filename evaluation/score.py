"""Scores of submissions: values, intervals, signatures, and what could not be computed.

Nothing is left out silently: a metric that needs a model is listed as unavailable with the reason, and a
composite is never computed from fewer parts than it has. What another model or a dictionary gives in place of an
official metric is a surrogate, with a name of its own that ends in `_surrogate`. Each signature pins profile,
tokenizer, reference set and formula:

    edition = load_edition(2026, Task.CONCEPTS)
    f1 = score_predictions(predictions, References(truths), task=Task.CONCEPTS, edition=edition).scores["f1"]
    f1.value, f1.ci      # 0.5833, (0.41, 0.72)
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from evaluation import providers
from evaluation.bootstrap import interval, resampled_scores
from evaluation.doubts import doubts, line_of, why_not
from evaluation.inputs.references import References
from evaluation.inputs.sections import part_of
from evaluation.labels.doubts import doubts_of_reports
from evaluation.measure.concepts import measure_concept_systems
from evaluation.measure.reports import measure_reports
from evaluation.measure.texts import measure_texts, text_of
from evaluation.profiles import SURROGATE, Profile, profile_of
from evaluation.providers.base import Equipment, Pairs
from evaluation.scores import Score, Scores
from evaluation.statistics import Array, Measured, Statistics
from tasks.editions import Edition, load_edition
from tasks.nouns import InputError, Report, Task, Value


def score_predictions(predictions: Mapping[str, Value], references: References, **options: Any) -> Scores:
    """Score one submission; the options are those of `score_systems`."""
    return score_systems([predictions], references, **options)[0]


def values_of(answers: Mapping[str, Value], truths: Mapping[str, Value], task: Task, year: int) -> dict[str, float]:
    """The edition's scores that can be computed here without a model, the primary one first, without intervals."""
    found = score_predictions(
        answers, References(dict(truths)), task=task, edition=load_edition(year, task), resamples=1
    )
    return {name: score.value for name, score in found.scores.items()}


def score_systems(
    systems: Sequence[Mapping[str, Value]],
    references: References,
    *,
    task: Task,
    edition: Edition,
    profile: str = "imageclef",
    metrics: Sequence[str] = (),
    equipment: Equipment | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Scores]:
    """Score submissions, each of which must answer exactly the images of `references`.

    `metrics` selects by name, all of the profile when empty; without `equipment` no metric that needs a model is
    computed. What is slow to start is started once for all systems.
    """
    convention = profile_of(profile, task=task, edition=edition)
    if equipment is not None and task is Task.CONCEPTS:
        for metric, model in equipment.models.items():
            raise InputError(f"--model {metric}={model}: no score of concepts needs a model: leave it out")
    for predictions in systems:
        _same_ids(predictions, references.values)
    ids = _counted(references.values, convention)
    wanted = _wanted(convention, metrics)
    asked = convention.only(_with_parts(wanted, convention))
    answers = [[part_of(predictions[i], references.section) for i in ids] for predictions in systems]
    truths = [references.values[i] for i in ids]
    groups = [references.groups.get(i, i) for i in ids] if references.groups else None
    year = f"-{edition.year}" if profile == "imageclef" else ""
    pins = f"profile:{profile}{year}|refs:{_digest(references.values)}"
    if references.section != "both":
        pins += f"|section:{references.section}"
    measured = _measure(answers, truths, references, ids=ids, profile=asked)
    if equipment is not None and task is not Task.CONCEPTS:
        texts = [text_of(truth) for truth in truths]
        asking = [Pairs(ids, [text_of(answer) for answer in ours], texts, references.images) for ours in answers]
        missing = [name for name in asked.roles if name not in measured[0]]
        by_models = providers.measure_systems(missing, asking, edition=edition, equipment=equipment)
        measured = [own | more for own, more in zip(measured, by_models, strict=True)]
    known = [{name: one for name, one in own.items() if not math.isnan(one.statistics.value)} for own in measured]
    known = [counted | _composites(counted, asked) for counted in known]
    tables = [{name: found[name] for name in _shown(wanted, found)} for found in known]
    drawn = _resampled(tables, resamples=resamples, seed=seed, groups=groups)
    results = []
    for ours, own, found, shown, values in zip(answers, measured, known, tables, drawn, strict=True):
        scores = {name: _score(name, one, values[name], pins=pins, profile=convention) for name, one in shown.items()}
        missed = {name: why_not(name, convention, measured=own, found=found) for name in wanted if name not in found}
        dropped = len(references.values) - len(ids)
        warnings = doubts(ours, truths, shown=shown, profile=convention, dropped=dropped)
        if task is Task.REPORTS:
            sides = [cast(list[Report], side) for side in (ours, truths)]
            warnings = (*warnings, *doubts_of_reports(*sides, shown=shown))
        results.append(Scores(task, edition.year, profile, ids, scores, missed, warnings))
    return results


def _resampled(
    tables: Sequence[Mapping[str, Measured]], *, resamples: int, seed: int, groups: Sequence[str] | None
) -> list[dict[str, Array]]:
    """The scores of each system in the same resamples, which are drawn once for all of them."""
    flat = [one.statistics for shown in tables for one in shown.values()]
    drawn = iter(resampled_scores(flat, resamples=resamples, seed=seed, groups=groups))
    return [{name: next(drawn) for name in shown} for shown in tables]


def _score(name: str, one: Measured, resampled: Array, *, pins: str, profile: Profile) -> Score:
    value = one.statistics.value
    return Score(
        value=value,
        ci=interval(resampled, value, recentred=one.statistics.recentred),
        signature=f"{name}|{pins}|{one.formula}",
        role="extra" if one.surrogate else profile.roles[name],
        statistics=one.statistics,
        surrogate=one.surrogate,
        resampled=resampled,
    )


def _measure(
    answers: list[list[Value]],
    truths: list[Value],
    references: References,
    *,
    ids: Sequence[str],
    profile: Profile,
) -> list[dict[str, Measured]]:
    """What this program computes by itself, of each system."""
    if isinstance(truths[0], tuple):
        manual = [references.secondary.get(i, ()) for i in ids] if references.secondary else None
        theirs = cast(list[tuple[str, ...]], truths)
        systems = cast(list[list[tuple[str, ...]]], answers)
        return measure_concept_systems(systems, theirs, manual=manual, profile=profile)
    if isinstance(truths[0], Report):
        reports, gold = cast(list[list[Report]], answers), cast(list[Report], truths)
        return measure_reports(reports, gold, profile=profile, ids=ids, vocabulary=references.vocabulary)
    texts = [[text_of(a) for a in ours] for ours in answers]
    return measure_texts(texts, [text_of(t) for t in truths], profile=profile, vocabulary=references.vocabulary)


def _composites(found: Mapping[str, Measured], profile: Profile) -> dict[str, Measured]:
    """The means of scores, those whose every part is there; a surrogate's optional parts may be missing."""
    composites: dict[str, Measured] = {}
    for name, parts in profile.composites.items():
        known = {**found, **composites}
        have = [part for part in parts if part in known]
        needed = [part for part in parts if part not in profile.optional]
        if set(needed) <= set(have):
            statistics = Statistics.mean_of([known[part].statistics for part in have])
            formula = f"mean({','.join(_signed(part, known[part]) for part in have)})"
            composites[name] = Measured(statistics, formula, surrogate=name.endswith(SURROGATE))
    return composites


def _signed(part: str, one: Measured) -> str:
    """The part's name; a surrogate's, which another machine may make otherwise, with its formula."""
    return f"{part}[{one.formula}]" if one.surrogate else part


def _same_ids(predictions: Mapping[str, Value], references: Mapping[str, Value]) -> None:
    """InputError unless both name the same images."""
    if not references:
        raise InputError("there is no reference to score against: give a file with at least one row")
    for ours, theirs, what in ((references, predictions, "no prediction"), (predictions, references, "no reference")):
        missing = [i for i in ours if i not in theirs]
        if missing:
            raise InputError(f"{len(missing)} images have {what}, the first is {missing[0]}: use matching files")


def _counted(ids: Mapping[str, Value], profile: Profile) -> tuple[str, ...]:
    """The images that the organisers' evaluator counts."""
    counted = tuple(i for i in ids if not (profile.drops_id_images and "ID" in i))
    if not counted:
        raise InputError("every image id holds 'ID', and the evaluator drops such rows as headers: nothing is left")
    return counted


def _wanted(profile: Profile, metrics: Sequence[str]) -> list[str]:
    """The metrics to report: primary and secondary first, then parts, then extras."""
    order = ["primary", "secondary", "part", "extra"]
    known = sorted(profile.roles, key=lambda name: order.index(profile.roles[name]))
    unknown = [name for name in metrics if name not in known]
    if unknown:
        raise InputError(f"no metric '{unknown[0]}' in this profile: use some of {', '.join(known)}")
    return [name for name in known if (name in metrics if metrics else name not in profile.on_request)]


def _with_parts(wanted: Sequence[str], profile: Profile) -> list[str]:
    """`wanted` and the scores that they are the means of."""
    needed = dict.fromkeys(wanted)
    todo = list(wanted)
    while todo:
        parts = [part for part in profile.composites.get(todo.pop(), ()) if part not in needed]
        needed |= dict.fromkeys(parts)
        todo += parts
    return list(needed)


def _shown(wanted: Sequence[str], found: Mapping[str, Measured]) -> list[str]:
    """The scores of the table: those wanted, and the surrogates of those that another model was given for."""
    stand_ins = [f"{name}{SURROGATE}" for name in wanted if f"{name}{SURROGATE}" not in wanted]
    return [name for name in [*wanted, *stand_ins] if name in found]


def _digest(references: Mapping[str, Value]) -> str:
    """Eight digits that change with any id or reference."""
    digest = hashlib.sha256()
    for image_id, value in sorted(references.items()):
        digest.update(f"{image_id}\t{line_of(value)}\n".encode())
    return digest.hexdigest()[:8]
