"""Fits the ridge: exactly for some thousand images, by landmarks for more.

With K = exp(-gamma |x - y|^2) of the pool's unit vectors and Y its labels less their frequencies, the coefficients
are A = (K + alpha I)^-1 Y (Saunders, Gammerman and Vovk, Ridge regression learning algorithm in dual variables, 1998),
by Cholesky. A pool of more than `LANDMARKS` images has K replaced by its Nystroem approximation (Williams and Seeger,
Using the Nystroem method to speed up kernel machines, 2001): so many of its images, evenly chosen, are landmarks, and
every image is described by its kernel to those. All is float64, so that neither blocks nor threads move an answer by
more than its last bits; what is left out and what is kept never depends on chance.

    fit_ridge(train.vectors, [("C0040405",), ("C0040405", "C0817096")], Ridge(min_support=1)).cuis

80,000 images of 768 dimensions and 2,000 concepts take 2 GB and some 3 minutes of one processor core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runners.classifier.targets import Targets, targets_of
from runners.ridge.config import Ridge
from runners.ridge.model import RidgeModel, Table, blocks, kernel, unit
from tasks.nouns import InputError

LANDMARKS = 5000
"""Pools up to this size are solved exactly; a table of landmarks x landmarks takes 200 MB."""
JITTER = 1e-6
"""Added to the landmarks' kernel, in which copies of an image would be one direction twice."""


def fit_ridge(pool: NDArray[Any], labels: Sequence[tuple[str, ...]], config: Ridge) -> RidgeModel:
    """Learn which of the concepts (`labels`, one tuple for each row) the vectors of `pool` (images x dimensions) have.

    InputError when rows and labels differ in number, no concept has `min_support` images, or a vector is broken.
    """
    if len(pool) != len(labels):
        raise InputError(f"{len(pool)} embeddings for {len(labels)} images' concepts: give each image one of both")
    targets = targets_of(labels, min_support=config.min_support)
    if len(pool) <= LANDMARKS:
        landmarks = unit(pool)
        coefficients, freedom = _exact(landmarks, targets, config)
    else:
        chosen = np.linspace(0, len(pool) - 1, LANDMARKS).round().astype(np.intp)
        landmarks = unit(pool[chosen])
        coefficients, freedom = _by_landmarks(pool, landmarks, targets, config)
    return RidgeModel(config.gamma, landmarks, coefficients, pool, targets, freedom)


def _exact(vectors: Table, targets: Targets, config: Ridge) -> tuple[Table, Table]:
    """Coefficients (images x concepts) and 1 - h of each image, which is alpha times the inverse's diagonal."""
    from scipy.linalg import cho_solve, cholesky, lapack  # type: ignore[import-untyped]

    system = kernel(vectors, vectors, gamma=config.gamma)
    system[np.diag_indices_from(system)] += config.alpha
    factor = cholesky(system, lower=True, overwrite_a=True, check_finite=False)
    wanted = targets.dense(slice(None)) - targets.frequency.astype(np.float64)
    coefficients: Table = cho_solve((factor, True), wanted, overwrite_b=True, check_finite=False)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    return coefficients, config.alpha * np.diag(inverse)


def _by_landmarks(pool: NDArray[Any], landmarks: Table, targets: Targets, config: Ridge) -> tuple[Table, Table]:
    """Coefficients (landmarks x concepts) and 1 - h of each image of the pool.

    With C the kernel of the pool to the landmarks and M that among the landmarks = L L', the images have the features
    F = C L'^-1, and the ridge on those is (F'F + alpha I)^-1 F'Y. With T T' = F'F + alpha I and P = T^-1 L^-1, the
    coefficients are P'P C'Y and h is the squared length of a row of C P'.
    """
    from scipy.linalg import cholesky, solve_triangular

    square = np.zeros((len(landmarks), len(landmarks)))
    right = np.zeros((len(targets.cuis), len(landmarks)))
    total = np.zeros(len(landmarks))
    for rows in blocks(len(pool)):
        part = kernel(unit(pool[rows]), landmarks, gamma=config.gamma)
        square += part.T @ part
        right += targets.matrix[rows].astype(np.float64).T @ part
        total += part.sum(axis=0)
    right -= np.outer(targets.frequency.astype(np.float64), total)
    among = kernel(landmarks, landmarks, gamma=config.gamma)
    among[np.diag_indices_from(among)] += JITTER
    lower = cholesky(among, lower=True, overwrite_a=True, check_finite=False)
    half = solve_triangular(lower, square, lower=True, overwrite_b=True, check_finite=False)
    system = solve_triangular(lower, half.T, lower=True, overwrite_b=True, check_finite=False)
    system[np.diag_indices_from(system)] += config.alpha
    outer = cholesky(system, lower=True, overwrite_a=True, check_finite=False)
    inner = solve_triangular(lower, np.eye(len(landmarks)), lower=True, overwrite_b=True, check_finite=False)
    both = solve_triangular(outer, inner, lower=True, overwrite_b=True, check_finite=False)
    freedom = np.empty(len(pool))
    for rows in blocks(len(pool)):
        seen = kernel(unit(pool[rows]), landmarks, gamma=config.gamma) @ both.T
        freedom[rows] = 1 - np.einsum("ij,ij->i", seen, seen)
    return both.T @ (both @ right.T), freedom
