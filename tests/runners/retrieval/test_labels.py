"""The space of labels: what is expected of each image beside its vector, as plain loops make it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runners.retrieval.labels import RARE, label_space
from runners.retrieval.search import search
from runners.ridge import model
from runners.ridge.config import Ridge
from runners.ridge.fit import fit_ridge
from tasks.nouns import InputError
from tests.runners.retrieval.making import random_vectors

CUIS = ("C0000001", "C0000002", "C0000003")
CONFIG = Ridge(min_support=2)
Labels = list[tuple[str, ...]]
Vectors = NDArray[Any]


def labelled(seed: int, number: int = 90) -> tuple[Vectors, Labels]:
    """Vectors of which the first three numbers say, with noise, which concepts there are."""
    vectors = random_vectors(number, 24, seed=seed)
    seen = vectors[:, :3] + 0.3 * random_vectors(number, 3, seed=seed + 1) > 0.4
    return vectors.astype(np.float16), [tuple(c for c, has in zip(CUIS, row, strict=True) if has) for row in seen]


def test_cosines_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "BLOCK", 7)
    (pool, labels), (asked, _) = labelled(1), labelled(3, 20)
    there, ours = label_space(pool, asked, labels, CONFIG)
    assert there.shape == (90, 27) and ours.shape == (20, 27) and there.dtype == np.float16
    fitted = fit_ridge(pool, labels, CONFIG)
    pool_p, asked_p = (np.concatenate(list(p)) for p in (fitted.left_out(), fitted.answers(asked)))
    mean = np.array([[cui in row for cui in CUIS] for row in labels]).mean(axis=0)
    for n in range(20):
        for m in range(0, 90, 11):
            a, b = ((p - mean) / np.sqrt(mean + RARE) for p in (asked_p[n], pool_p[m]))
            x, y = asked[n].astype(float), pool[m].astype(float)
            wanted = sum(float(u @ v / np.linalg.norm(u) / np.linalg.norm(v)) for u, v in ((a, b), (x, y)))
            assert float(ours[n].astype(float) @ there[m].astype(float)) == pytest.approx(wanted, abs=0.005)


def test_neighbours_share_more_concepts_than_those_of_the_images_alone() -> None:
    (pool, labels), (asked, true) = labelled(1, 400), labelled(3, 100)

    def shared(ours: Vectors, there: Vectors) -> float:
        rows = search(ours, there, k=10).rows
        return float(np.mean([set(labels[m]) == set(true[n]) for n, row in enumerate(rows) for m in row]))

    there, ours = label_space(pool, asked, labels)
    assert shared(ours, there) > shared(asked, pool) + 0.1


def test_an_image_of_the_pool_is_not_placed_by_its_own_label() -> None:
    """With random labels nothing can be expected of an image, so its own label says nothing of where it is."""
    pool, _ = labelled(1, 200)
    has = np.random.default_rng(0).random(200) < 0.5
    labels: Labels = [(CUIS[0],) if one else (CUIS[1],) for one in has]
    there, _ = label_space(pool, pool[:2], labels)
    assert np.corrcoef(there[:, 0], has)[0, 1] < 0.3
    by_fit = np.concatenate(list(fit_ridge(pool, labels, Ridge()).answers(pool)))[:, 0]
    assert np.corrcoef(by_fit, has)[0, 1] > 0.8


def test_what_ridge_refuses_is_refused() -> None:
    pool, labels = labelled(1)
    with pytest.raises(InputError, match="no concept has 5 training images"):
        label_space(pool, pool, [()] * 90)
    with pytest.raises(InputError, match="embed both with one encoder"):
        label_space(pool, pool[:, :5], labels)
