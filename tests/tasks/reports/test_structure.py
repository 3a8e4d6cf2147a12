"""The structure of a report in what a model wrote."""

from __future__ import annotations

import pytest

from tasks.reports.structure import Structure, counted, structure_of

WHOLE = "Findings: Clear lungs.\nImpression: Normal."


@pytest.mark.parametrize(
    ("text", "found", "score"),
    [
        (WHOLE, (True, True, True, True), 1),
        ("**Findings**\n- Clear.\n- No effusion.\n\n**Impression**\n- Normal.", (True, True, True, True), 1),
        (
            '```json\n{"findings": ["Clear."], "impression": "Normal.", "labels": {"Edema": 0}}',
            (True, True, True, True),
            1,
        ),
        ('{"answer": "Findings: Clear. Impression: Normal."}', (True, True, True, True), 1),
        ("Impression: Normal.\nFindings: Clear.", (True, True, False, True), 0.75),
        ('{"impression": "Normal.", "findings": "Clear."}', (True, True, False, True), 0.75),
        ("Findings: Clear.\nImpression:", (True, True, True, False), 0.75),
        ("Findings:\nImpression:", (True, True, True, False), 0.75),
        ('{"findings": "Clear.", "impression": null}', (True, True, True, False), 0.75),
        ("Findings: Clear.\nCheXpert: {}", (True, False, False, False), 0.25),
        ("The lungs are clear.\nImpression: Normal.\nICD: I10", (False, True, False, False), 0.25),
        ("The lungs are clear.", (False, False, False, False), 0),
        ('{"findings": "Clear.", "impression": "Nor', (False, False, False, False), 0),
        ("", (False, False, False, False), 0),
    ],
)
def test_structure(text: str, found: tuple[bool, bool, bool, bool], score: float) -> None:
    assert structure_of(text) == Structure(*found)
    assert structure_of(text).score == score


def test_counts() -> None:
    texts = [WHOLE, WHOLE, "Impression: a\nFindings: b", "Findings: a", "Impression: a", "a", "b", "c"]
    wanted = {"both": 3, "in_order": 2, "findings_only": 1, "impression_only": 1, "none": 3}
    assert counted(texts) == {**wanted, "score": (2 + 0.75 + 0.25 + 0.25) / 8}
