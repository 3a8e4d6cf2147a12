"""The ridge against scikit-learn's, and what it says of left-out images against fits that were made without them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

from runners.ridge import fit, model
from runners.ridge.config import Ridge
from runners.ridge.fit import fit_ridge
from runners.ridge.model import RidgeModel
from tasks.nouns import InputError
from tasks.probabilities import LEAST

CUIS = ("C0000001", "C0000002", "C0000003", "C0000004")
Labels = list[tuple[str, ...]]


def images(number: int, *, seed: int, dimensions: int = 6) -> tuple[NDArray[np.float16], Labels]:
    """Vectors whose first dimensions tell the concepts, but for some noise; the first two images are copies."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((number, dimensions))
    vectors[1] = vectors[0]
    there = vectors[:, : len(CUIS)] + 0.5 * random.standard_normal((number, len(CUIS))) > (0.2, 0.5, 0.8, 1.2)
    labels = [tuple(cui for cui, has in zip(CUIS, row, strict=True) if has) for row in there]
    return vectors.astype(np.float16), labels


def unit(vectors: NDArray[Any]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    found: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return found


def table(labels: Labels) -> NDArray[np.float64]:
    return np.array([[cui in row for cui in CUIS] for row in labels], dtype=np.float64)


def theirs(pool: NDArray[Any], labels: Labels, asked: NDArray[Any], config: Ridge) -> NDArray[np.float64]:
    """What scikit-learn answers, clipped to [0, 1]."""
    true = table(labels)
    solver = KernelRidge(kernel="rbf", gamma=config.gamma, alpha=config.alpha).fit(unit(pool), true - true.mean(axis=0))
    found: NDArray[np.float64] = np.clip(true.mean(axis=0) + solver.predict(unit(asked)), 0, 1)
    return found


def answers(fitted: RidgeModel, asked: NDArray[Any]) -> NDArray[np.float64]:
    return np.concatenate(list(fitted.answers(asked)))


def left_out(fitted: RidgeModel) -> NDArray[np.float64]:
    return np.concatenate(list(fitted.left_out()))


@pytest.fixture
def blocks_of_seven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "BLOCK", 7)


CONFIGS = [Ridge(), Ridge(gamma=0.3, alpha=0.05), Ridge(gamma=4, alpha=3)]


@pytest.mark.usefixtures("blocks_of_seven")
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("landmarks", [80, 79])
def test_it_is_scikit_learns(config: Ridge, landmarks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """79 landmarks of 80 images leave out row 39, here a copy of another: nothing is lost, so both ways agree."""
    monkeypatch.setattr(fit, "LANDMARKS", landmarks)
    (pool, labels), (asked, _) = images(80, seed=1), images(20, seed=2)
    pool[39] = pool[60]
    fitted = fit_ridge(pool, labels, config)
    assert len(fitted.landmarks) == landmarks
    assert answers(fitted, asked) == pytest.approx(theirs(pool, labels, asked, config), abs=2e-4)


@pytest.mark.usefixtures("blocks_of_seven")
@pytest.mark.parametrize("config", CONFIGS)
def test_the_exact_one_is_exact(config: Ridge) -> None:
    (pool, labels), (asked, _) = images(80, seed=1), images(20, seed=2)
    fitted = fit_ridge(pool, labels, config)
    assert answers(fitted, asked) == pytest.approx(theirs(pool, labels, asked, config), abs=1e-7)


def brute(features: NDArray[np.float64], true: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """The answer to each image by a ridge on `features` that was fitted without it, around the mean of all."""
    found, mean = np.empty_like(true), true.mean(axis=0)
    for n in range(len(true)):
        others = np.arange(len(true)) != n
        f = features[others]
        weights = np.linalg.solve(f.T @ f + alpha * np.eye(f.shape[1]), f.T @ (true[others] - mean))
        found[n] = mean + features[n] @ weights
    return np.clip(found, 0, 1)


@pytest.mark.usefixtures("blocks_of_seven")
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("landmarks", [60, 12])
def test_left_out_is_as_if_it_had_not_been_there(
    config: Ridge, landmarks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "LANDMARKS", landmarks)
    pool, labels = images(60, seed=3)
    fitted = fit_ridge(pool, labels, config)
    x, y = unit(pool), fitted.landmarks
    among, across = (np.exp(-config.gamma * ((a[:, None] - y) ** 2).sum(axis=2)) for a in (y, x))
    size, axes = np.linalg.eigh(among + (landmarks < 60) * fit.JITTER * np.eye(landmarks))
    kept = size > 1e-12  # the copies' second direction
    features = across @ axes[:, kept] / np.sqrt(size[kept])
    assert left_out(fitted) == pytest.approx(brute(features, table(labels), config.alpha), abs=1e-6)
    assert not np.allclose(left_out(fitted), answers(fitted, pool), atol=0.01)


def test_landmarks_come_near_the_exact_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    (pool, labels), (asked, _) = images(300, seed=4), images(50, seed=5)
    config = Ridge(gamma=0.3)
    exact = answers(fit_ridge(pool, labels, config), asked)
    far = []
    for landmarks in (10, 50, 150):
        monkeypatch.setattr(fit, "LANDMARKS", landmarks)
        far.append(abs(answers(fit_ridge(pool, labels, config), asked) - exact).mean())
    assert far[0] > 5 * far[1] > 25 * far[2] and far[2] < 1e-3


def test_probabilities_are_sparse_and_named() -> None:
    (pool, labels), (asked, _) = images(80, seed=1), images(20, seed=2)
    fitted = fit_ridge(pool, labels, Ridge(min_support=1))
    ids = [f"q{n}" for n in range(20)]
    p = fitted.probabilities(asked, ids)
    whole = answers(fitted, asked)
    assert p.ids == tuple(ids) and p.cuis == CUIS
    assert p.matrix.toarray() == pytest.approx(np.where(whole < LEAST, 0, whole), abs=1e-6)
    assert 0 < p.matrix.nnz == (whole >= LEAST).sum() < whole.size
    pooled = fitted.probabilities_left_out([str(n) for n in range(80)])
    assert pooled.matrix.toarray() == pytest.approx(left_out(fitted), abs=LEAST)
    assert len(fitted.probabilities(asked[:0], [])) == 0


def test_what_cannot_be_learned_is_refused() -> None:
    pool, labels = images(30, seed=6)
    support = table(labels).sum(axis=0)
    least = int(support.min()) + 1
    assert fit_ridge(pool, labels, Ridge(min_support=least)).cuis == tuple(
        cui for cui, count in zip(CUIS, support, strict=True) if count >= least
    )
    with pytest.raises(InputError, match="no concept has 31 training images"):
        fit_ridge(pool, labels, Ridge(min_support=31))
    with pytest.raises(InputError, match="30 embeddings for 29 images"):
        fit_ridge(pool, labels[1:], Ridge())
    with pytest.raises(InputError, match="of 5 dimensions cannot be answered from those of 6"):
        answers(fit_ridge(pool, labels, Ridge()), pool[:, :5])
    for wrong in (np.nan, np.inf, 0):
        broken = pool.copy()
        broken[4] = wrong
        with pytest.raises(InputError, match="1 embeddings hold NaN, infinity or zeros"):
            fit_ridge(broken, labels, Ridge())
    with pytest.raises(ValueError, match="greater than 0"):
        Ridge(alpha=0)
