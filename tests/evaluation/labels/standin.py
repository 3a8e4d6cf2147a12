"""A labeler of three words, for tests of what is done with labels."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

import pytest

import tasks.reports
from tasks.nouns import Report
from tasks.reports.labels import LABELS

WORDS = {"edema": "Edema", "pneumonia": "Pneumonia", "fracture": "Fracture"}
calls: list[int] = []
"""How many reports each call of the labeler was given."""


def labels_of(reports: Sequence[Report]) -> list[dict[str, int | None]]:
    """`no edema` is 0, `possible edema` -1, `edema` 1; the words of both sections count."""
    calls.append(len(reports))
    return [_labels(f"{report.findings} {report.impression}".lower().split()) for report in reports]


def _labels(words: list[str]) -> dict[str, int | None]:
    labels: dict[str, int | None] = dict.fromkeys(LABELS)
    for before, word in zip(["", *words], words, strict=False):
        if (label := WORDS.get(word.strip(".,"))) is not None:
            labels[label] = {"no": 0, "possible": -1}.get(before, 1)
    return labels


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the three words in the place of the labeler."""
    module = ModuleType("tasks.reports.labeler")
    module.labels_of = labels_of  # type: ignore[attr-defined]
    module.NAME = "three-words"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tasks.reports.labeler", module)
    monkeypatch.setattr(tasks.reports, "labeler", module, raising=False)
    calls.clear()
