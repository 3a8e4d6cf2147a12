"""Embeddings become directions: around the mean of the fitted ones, their weak components raised by half."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from runners.systems import whitening
from runners.systems.whitening import fit_directions
from tasks.nouns import InputError
from tests.runners.retrieval.making import random_vectors


@pytest.fixture(params=[7, 4096])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whitening, "BLOCK", request.param)


@pytest.fixture
def pool() -> NDArray[np.float64]:
    turn = np.linalg.qr(random_vectors(4, 4, seed=5))[0]
    vectors: NDArray[np.float64] = random_vectors(400, 4, seed=1) * np.array([100.0, 10, 1, 0.1]) @ turn + 7
    return vectors


@pytest.mark.usefixtures("_blocks")
def test_weak_components_are_raised_by_half(pool: NDArray[np.float64]) -> None:
    found = fit_directions(pool, components=3)
    assert found.axes is not None and found.width == 3
    moved = (pool - found.mean) @ found.axes
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(pool.T, bias=True)))[:0:-1]
    assert np.cov(moved.T, bias=True) == pytest.approx(np.diag(deviations), abs=1e-3)
    assert moved.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert found.of(pool[:9]) == pytest.approx(moved[:9] / np.linalg.norm(moved[:9], axis=1, keepdims=True), abs=1e-6)


@pytest.mark.usefixtures("_blocks")
def test_without_whitening_they_are_centred(pool: NDArray[np.float64]) -> None:
    found = fit_directions(pool, components=None)
    apart = pool[:9] - pool.mean(axis=0)
    assert found.width == 4
    assert found.of(pool[:9]) == pytest.approx(apart / np.linalg.norm(apart, axis=1, keepdims=True), abs=1e-6)
    assert (found.of(found.mean[None]) == 0).all()


def test_there_are_as_many_components_as_there_can_be(pool: NDArray[np.float64]) -> None:
    assert fit_directions(pool, components=99).width == 4
    flat = np.concatenate([pool[:, :2], pool[:, :1]], axis=1)
    assert fit_directions(flat, components=3).width == 2


@pytest.mark.parametrize("components", [2, None])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_broken_embeddings_are_refused(pool: NDArray[np.float64], wrong: float, components: int | None) -> None:
    pool[3, 2] = wrong
    with pytest.raises(InputError, match="embeddings hold NaN or infinity"):
        fit_directions(pool, components=components)


def test_embeddings_without_differences_cannot_be_whitened() -> None:
    with pytest.raises(InputError, match="whiten: the embeddings are all the same"):
        fit_directions(np.ones((9, 6)), components=2)
