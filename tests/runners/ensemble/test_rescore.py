"""Rescoring by which concepts go together: the formula cell by cell, and that it helps where they do."""

from __future__ import annotations

import numpy as np
import pytest

from runners.decisions.config import Decision
from runners.decisions.truths import truths_of
from runners.decisions.tune import tune
from runners.ensemble import rescore
from runners.ensemble.rescore import consistent, excluding, lifts_of, rescored
from tasks.probabilities import Probabilities

CUIS = ("C1", "C2", "C3")
LABELS = [("C1", "C2"), ("C1", "C2", "C9"), ("C3",), ("C2", "C3", "C3"), ("C1", "C2"), ()]


def test_lifts_are_counted() -> None:
    number, both = [3, 4, 2], [[0, 3, 0], [3, 0, 1], [0, 1, 0]]
    expected = [
        [np.log((both[i][j] + 1) / (number[i] * number[j] / 6 + 1)) if both[i][j] else 0 for j in range(3)]
        for i in range(3)
    ]
    np.testing.assert_allclose(lifts_of(LABELS, CUIS).toarray(), expected, rtol=1e-6)


def test_each_cell_moves_by_the_others_of_its_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescore, "_CELLS", 6)  # two images at once
    table = np.array([[0.8, 0.3, 0], [0.01, 0.3, 0.5], [1, 0.2, 0.1], [0, 0, 0], [0, 0.4, 0.6]])
    p = Probabilities(tuple("abcde"), CUIS, table)
    found = rescored(p, LABELS, strength=0.7).matrix.toarray()
    telling = np.where(table < 0.02, 0, table)
    given = np.clip(table, 1e-4, 1 - 1e-4)
    logits = np.log(given / (1 - given)) + 0.7 * telling @ lifts_of(LABELS, CUIS).toarray()
    np.testing.assert_allclose(found, np.where(table > 0, 1 / (1 + np.exp(-logits)), 0), rtol=1e-4)
    np.testing.assert_allclose(p.matrix.toarray(), table, rtol=1e-6)  # as it was
    assert rescored(p, LABELS, strength=0) is p


def test_the_less_probable_of_two_that_exclude_each_other_is_lowered() -> None:
    labels = [("C1",)] * 40 + [("C2",)] * 40 + [("C2", "C3")] * 10 + [("C3",)] * 10
    assert {column: rows.tolist() for column, rows in excluding(labels, CUIS).items()} == {0: [1], 1: [0]}
    p = Probabilities(tuple("abcd"), CUIS, np.array([[0.8, 0.3, 0.5], [0.1, 0.9, 0], [0.5, 0.5, 0.2], [0, 0.4, 0.9]]))
    found = consistent(p, labels).matrix.toarray()
    expected = [[0.8, 0.3 * 0.2, 0.5], [0.1 * 0.1, 0.9, 0], [0.5, 0.5, 0.2], [0, 0.4, 0.9]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not excluding(labels[:5], CUIS)


def test_it_helps_where_concepts_go_together() -> None:
    random = np.random.default_rng(0)
    topics = random.random((6, 18)) < 0.3
    true = topics[random.integers(6, size=1200)] & (random.random((1200, 18)) < 0.8)
    cuis = tuple(f"C{n:02}" for n in range(18))
    labels = [tuple(cuis[n] for n in np.flatnonzero(row)) for row in true]
    logits = np.where(true, 0.0, -2.0) + 1.2 * random.standard_normal(true.shape)
    ids = tuple(f"i{n}" for n in range(600, 1200))
    p = Probabilities(ids, cuis, 1 / (1 + np.exp(-logits[600:])))
    references = dict(zip(ids, labels[600:], strict=True))

    def score(q: Probabilities) -> float:
        return tune(q, truths_of(references, q), Decision(rule="threshold")).score_held_out

    assert score(rescored(p, labels[:600], strength=0.5)) > score(p) + 0.02
