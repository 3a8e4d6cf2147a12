"""Label F1 of reports in every convention a profile asks for, measured on the submissions of a call.

`chexpert_*`: the labeler of `tasks.reports.labeler` reads both texts. `stated_*`: the labels a system wrote, beside
those the reference came with (CheXpert tables). Images whose reference has no labels are left out; a prediction without
labels where another has some counts as if nothing were stated, so that silence is no gain:

    [ours] = measure_labels([reports], truths, profile=profile)
    ours["chexpert_micro14_u1"].statistics.value    # 0.511
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.labels.codes import Codes, codes_of, held, states
from evaluation.labels.conventions import CONVENTIONS, SOURCES
from evaluation.labels.f1 import AVERAGE, Flags
from evaluation.profiles import Profile
from evaluation.statistics import Measured
from tasks.nouns import Report

NO_POSITIVE = "neither a reference nor a prediction has one of its labels"
NO_GOLD = "no reference has labels of its own: put labels.csv (CheXpert's columns) beside the file of the references"
NOT_STATED = (
    "no prediction states labels; a table of findings and impression cannot hold them: give the folder of the run, "
    "whose journal does when the model writes a line 'CheXpert: {...}'"
)


@dataclass(frozen=True, slots=True)
class _Labelled:
    """The labels of one source."""

    truths: Codes
    systems: Sequence[Codes]
    counted: Flags
    """Images whose reference has labels."""
    formula: str
    lacking: Sequence[str]
    """Of each system, why it has no score; empty where it has one."""


def measure_labels(
    systems: Sequence[Sequence[Report]], truths: Sequence[Report], *, profile: Profile, ids: Sequence[str] = ()
) -> list[dict[str, Measured]]:
    """The label scores of the profile on each system; texts are read once, whatever the number of conventions."""
    results: list[dict[str, Measured]] = [{} for _ in systems]
    for source in SOURCES:
        names = [name for name in profile.roles if name in CONVENTIONS and CONVENTIONS[name].labels_of == source]
        if not names:
            continue
        labelled = _stated(systems, truths, ids) if source == "stated" else _read(systems, truths)
        for k, found in enumerate(results):
            found |= {name: _measured(name, labelled, k) for name in names}
    return results


def _measured(name: str, labelled: _Labelled, k: int) -> Measured:
    """The score `name` of system number `k`."""
    convention = CONVENTIONS[name]
    if why := labelled.lacking[k]:
        return Measured.nothing(len(labelled.truths), why)
    both = held(labelled.truths, labelled.systems[k], convention, counted=labelled.counted)
    if both.nothing:
        return Measured.nothing(len(labelled.truths), NO_POSITIVE)
    statistics = AVERAGE[convention.average](both)
    recentred = "|ci:recentred" if statistics.recentred else ""
    rule = f"labels:{len(convention.labels)}|uncertain:{convention.uncertain[1]}|avg:{convention.average}"
    return Measured(statistics, f"{labelled.formula}|{rule}|blank:0|zero-division:0{recentred}")


def _read(systems: Sequence[Sequence[Report]], truths: Sequence[Report]) -> _Labelled:
    """What the labeler reads from the texts, each distinct one once."""
    from tasks.reports import labeler

    sides = [truths, *systems]
    places = {text: n for n, text in enumerate(dict.fromkeys(_text(report) for side in sides for report in side))}
    known = codes_of(labeler.labels_of([Report(*text) for text in places]))
    gold, *ours = (known[[places[_text(report)] for report in side]] for side in sides)
    counted = np.ones(len(truths), dtype=bool)
    return _Labelled(gold, ours, counted, f"labeler:{labeler.NAME}", [""] * len(ours))


def _stated(systems: Sequence[Sequence[Report]], truths: Sequence[Report], ids: Sequence[str]) -> _Labelled:
    """The labels that come with the reports."""
    counted = np.array([states(truth) for truth in truths])
    gold = codes_of([truth.labels for truth in truths], ids=ids)
    pin = hashlib.sha256(gold.tobytes() + counted.tobytes()).hexdigest()[:8]
    ours = [codes_of([report.labels for report in reports], ids=ids) for reports in systems]
    why = "" if counted.any() else NO_GOLD
    lacking = [why or ("" if any(map(states, reports)) else NOT_STATED) for reports in systems]
    return _Labelled(gold, ours, counted, f"labels:stated|gold:{pin}", lacking)


def _text(report: Report) -> tuple[str, str]:
    return report.findings, report.impression
