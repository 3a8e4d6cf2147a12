"""What has to be said of the labels and codes that come with reports: images left out, silence, names nobody knows.

doubts_of_reports(answers, truths, shown=["stated_micro14_u0"])
# ["12 of 120 references have no labels: left out of the scores stated_*"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from evaluation.labels.codes import place_of, states
from tasks.nouns import Report


def doubts_of_reports(answers: Sequence[Report], truths: Sequence[Report], *, shown: Collection[str]) -> list[str]:
    """The warnings of one system, of those scores that are shown."""
    found = []
    if any(name.startswith("stated_") for name in shown):
        found += _silent(answers, truths, has=states, what="labels", scores="stated_*")
        found += _unknown(answers)
    if any(name.startswith("icd_") for name in shown):
        found += _silent(answers, truths, has=_has_codes, what="ICD codes", scores="icd_*")
        found += _of_other_version(answers, truths)
    return found


def _silent(
    answers: Sequence[Report],
    truths: Sequence[Report],
    *,
    has: Callable[[Report], bool],
    what: str,
    scores: str,
) -> list[str]:
    """References that are left out, and predictions that have nothing where the reference has."""
    asked = [answer for answer, truth in zip(answers, truths, strict=True) if has(truth)]
    left_out = len(truths) - len(asked)
    silent = sum(1 for answer in asked if not has(answer))
    found = [f"{left_out} of {len(truths)} references have no {what}: left out of the scores {scores}"]
    said = [f"{silent} of {len(asked)} predictions have no {what} where the reference has: they count as none stated"]
    return (found if left_out else []) + (said if silent else [])


def _unknown(answers: Sequence[Report]) -> list[str]:
    """The names of labels that are none of the fourteen."""
    names = Counter(name for answer in answers for name in answer.labels if place_of(name) is None)
    if not names:
        return []
    name, times = names.most_common(1)[0]
    return [f"{names.total()} stated labels are none of CheXpert's fourteen, most often '{name[:40]}' ({times} times)"]


def _of_other_version(answers: Sequence[Report], truths: Sequence[Report]) -> list[str]:
    """Images whose codes are all of one version of ICD, and those of the reference all of the other."""
    sides = [(_versions(answer), _versions(truth)) for answer, truth in zip(answers, truths, strict=True)]
    n = sum(1 for ours, theirs in sides if ours and theirs and not ours & theirs)
    return [f"{n} predictions have codes of another version of ICD than the reference, which cannot match"] if n else []


def _versions(report: Report) -> set[int]:
    """The versions of ICD that the report's codes are of."""
    from tasks.reports.icd import version

    return {known for code in report.icd if (known := version(code)) is not None}


def _has_codes(report: Report) -> bool:
    return bool(_versions(report))
