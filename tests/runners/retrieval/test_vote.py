"""Votes: each neighbour's concepts with its weight, as a plain count finds them."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.retrieval.config import Retrieval
from runners.retrieval.search import search
from runners.retrieval.vote import concept_probabilities, weights
from tests.runners.retrieval.making import found, random_vectors

CONFIGS = (
    Retrieval(weighting="uniform"),
    Retrieval(weighting="similarity", temperature=0.05),
    Retrieval(weighting="rank"),
)
CUIS = ["C0000001", "C0000002", "C0000003", "C0000004"]


@given(
    rows=st.lists(st.lists(st.integers(0, 5), max_size=4, unique=True), max_size=6),
    labels=st.lists(st.lists(st.sampled_from(CUIS), max_size=5), min_size=6, max_size=6),
    config=st.sampled_from(CONFIGS),
    data=st.data(),
)
@settings(deadline=None)
def test_votes_are_counted(
    rows: list[list[int]], labels: list[list[str]], config: Retrieval, data: st.DataObject
) -> None:
    likeness = [sorted(data.draw(st.lists(st.floats(-1, 1), min_size=4, max_size=4)), reverse=True) for _ in rows]
    places = np.array([row + [-1] * (4 - len(row)) for row in rows]).reshape(-1, 4)
    near = found(places, np.array(likeness).reshape(-1, 4))
    ids = [f"q{n}" for n in range(len(rows))]
    p = concept_probabilities(near, labels, ids=ids, config=config)
    assert p.ids == tuple(ids)
    assert p.cuis == tuple(sorted({cui for row in labels for cui in row}))
    for n, row in enumerate(rows):
        raw = {
            "uniform": [1.0] * len(row),
            "similarity": [exp((likeness[n][m] - likeness[n][0]) / config.temperature) for m in range(len(row))],
            "rank": [1 / (m + 10) for m in range(len(row))],
        }[config.weighting]
        wanted = dict.fromkeys(p.cuis, 0.0)
        for weight, image in zip(raw, row, strict=True):
            for cui in set(labels[image]):
                wanted[cui] += weight / sum(raw)
        assert p.matrix.toarray()[n] == pytest.approx(list(wanted.values()), abs=1e-4)


@pytest.mark.parametrize("config", CONFIGS)
def test_weights_sum_to_one_where_there_is_a_neighbour(config: Retrieval) -> None:
    near = found([[0, 1, 2], [2, 0, -1], [-1, -1, -1]], [[0.9, 0.5, 0.1], [-0.2, -0.9, 0.0], [0.0, 0.0, 0.0]])
    got = weights(near, config)
    assert got.sum(axis=1) == pytest.approx([1, 1, 0])
    assert (got[near.rows < 0] == 0).all()
    assert (np.diff(got, axis=1) <= 0).all()


def test_from_vectors_to_probabilities() -> None:
    """Images of three kinds, each with its concept: the vote finds the kind."""
    kinds = random_vectors(3, 20, seed=1)
    pool = np.repeat(kinds, 20, axis=0) + random_vectors(60, 20, seed=2) / 4
    asked = kinds + random_vectors(3, 20, seed=3) / 4
    labels = [(CUIS[n // 20], CUIS[3]) if n % 2 else (CUIS[n // 20],) for n in range(60)]
    near = search(asked, pool, k=20)
    p = concept_probabilities(near, labels, ids=["a", "b", "c"], config=Retrieval(k=20))
    table = p.matrix.toarray()
    assert table[:, :3] == pytest.approx(np.eye(3))
    assert table[:, 3] == pytest.approx([0.5] * 3)
