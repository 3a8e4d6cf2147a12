"""Two runs with and without context: scores, labels and codes, and each label alone, with paired tests.

found = compare_context({"off": off, "on": on}, gold, task=task, edition=edition, trials=1000, seed=0)
found.scores.pairings[0].words()     # "the gain of .073 in rougeL is more than noise (p = .002)"
found.labels[2].ci                   # of the label Cardiomegaly: (-0.02, 0.11)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from evaluation.comparison.paired import compare_all, holm
from evaluation.comparison.pairing import ALPHA
from evaluation.comparison.systems import Comparisons, compare_systems
from evaluation.inputs.references import References
from evaluation.labels.codes import states
from evaluation.labels.conventions import ICD
from evaluation.labels.per_label import BY_LABEL, label_statistics, per_label
from evaluation.scores import Scores
from tasks.nouns import Report, Task, Value

PROFILE = "chexpert"
SOURCES = ("chexpert", "stated")
HEADLINES = tuple(f"{source}_{average}14_u0" for source in SOURCES for average in ("micro", "macro"))
"""The label scores that are compared; the macro ones hold each label."""


@dataclass(frozen=True, slots=True)
class LabelPairing:
    """One label in both runs."""

    source: str
    """`chexpert`, read from the texts, or `stated`, as the model wrote it."""
    label: str
    support: int
    """Images whose reference has it."""
    off: float
    """F1 without context."""
    on: float
    difference: float
    ci: tuple[float, float]
    """The 95 % interval of the difference."""
    p_holm: float
    """Approximate randomisation, adjusted for the number of labels."""

    @property
    def significant(self) -> bool:
        """Whether the difference is more than noise at the level of 5 %."""
        return self.p_holm < ALPHA


@dataclass(frozen=True, slots=True)
class ContextComparison:
    """What the context changed."""

    scores: Comparisons
    """The scores of the edition's profile."""
    clinical: Comparisons | None
    """Labels and codes; None where the task is not reports, or where `scores` are those of labels already."""
    labels: tuple[LabelPairing, ...]

    def to_json(self) -> dict[str, Any]:
        """The object that `imageclef compare-context --json` prints."""
        return {
            "scores": self.scores.to_json(),
            "clinical": self.clinical.to_json() if self.clinical else None,
            "labels": [{**asdict(one), "ci": list(one.ci)} for one in self.labels],
        }


def compare_context(
    systems: Mapping[str, Mapping[str, Value]], gold: References, *, task: Task, trials: int, seed: int, **options: Any
) -> ContextComparison:
    """Compare the run without context, named first, with the other; the options are those of `compare_systems`."""
    drawn: dict[str, Any] = {"task": task, "trials": trials, "seed": seed}
    scores = compare_systems(systems, gold, **drawn, **options)
    if task is not Task.REPORTS:
        return ContextComparison(scores, None, ())
    clinical = None
    if options["profile"] != PROFILE or options["metrics"]:
        how = {**options, "profile": PROFILE, "metrics": _metrics(systems), "equipment": None, "said": ()}
        clinical = compare_systems(systems, gold, **drawn, **how)
        clinical = replace(clinical, warnings=tuple(said for said in clinical.warnings if said not in scores.warnings))
    labelled = (clinical or scores).scores
    groups = [gold.groups.get(i, i) for i in labelled[0].ids] if gold.groups else None
    labels = [one for source in SOURCES for one in _labels(source, labelled, trials, seed, groups)]
    return ContextComparison(scores, clinical, tuple(labels))


def _metrics(systems: Mapping[str, Mapping[str, Value]]) -> list[str]:
    """The scores of labels and codes, without those of what neither run wrote."""
    reports = [one for answers in systems.values() for one in answers.values() if isinstance(one, Report)]
    stated, coded = any(map(states, reports)), any(one.icd for one in reports)
    names = [name for name in HEADLINES if stated or not name.startswith("stated_")]
    return [*names, *ICD] if coded else names


def _labels(
    source: str, scores: tuple[Scores, ...], trials: int, seed: int, groups: list[str] | None
) -> list[LabelPairing]:
    """The labels of a source that both runs have scores for and at least one image holds."""
    found = [one.scores.get(BY_LABEL.format(source)) for one in scores]
    if any(one is None for one in found):
        return []
    off, on = (one.statistics for one in found if one is not None)
    before, after = per_label(off), per_label(on)
    named = {name: f"label:{name}" for name, one in before.items() if one.support}
    if not named:
        return []
    sides = [label_statistics(side) for side in (on, off)]
    ours, theirs = ([side[key] for key in named.values()] for side in sides)
    [tests] = compare_all([ours], theirs, trials=trials, seed=seed, groups=groups)
    adjusted = holm([one.p_randomisation for one in tests])
    return [
        LabelPairing(
            source,
            name,
            support=before[name].support,
            off=before[name].f1,
            on=after[name].f1,
            difference=one.difference,
            ci=one.ci,
            p_holm=p,
        )
        for name, one, p in zip(named, tests, adjusted, strict=True)
    ]
