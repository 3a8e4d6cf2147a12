"""The principal components of embeddings, the weak ones raised, so that what all images share does not decide.

After Jégou and Chum (Negative evidences and co-occurrences in image retrieval: the benefit of PCA and whitening, 2012),
but by half: a component is divided by the square root of its standard deviation, not by the whole. On real images this
found better neighbours than the embeddings as they are or whitened in full:

    asked, pool = whitened([asked.vectors, pool.vectors], pool.vectors, components=256)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.nouns import InputError

BLOCK = 8192
_LEAST = 1e-6
"""Components with less of the strongest one's variance than this are noise, and are left out."""


def whitened(sets: Sequence[NDArray[Any]], pool: NDArray[Any], *, components: int) -> list[NDArray[np.float32]]:
    """Each of `sets` (images x dimensions) as images x `components`, fitted to `pool` alone.

    There are fewer components where the pool's vectors differ in fewer directions. They are in memory: 100,000 images
    of 256 components take 100 MB. InputError when there are fewer dimensions, or the pool's vectors are all the same.
    """
    if components > pool.shape[1]:
        raise InputError(
            f"retrieval.whiten: {components} components are asked of {pool.shape[1]} dimensions: lower it, or set null"
        )
    mean = sum((block.sum(axis=0) for block in _blocks(pool)), np.zeros(pool.shape[1])) / len(pool)
    scatter = np.zeros((pool.shape[1], pool.shape[1]))
    for block in _blocks(pool):
        apart = block - mean
        scatter += apart.T @ apart
    if not np.isfinite(scatter).all() or not scatter.any():
        raise InputError(
            "retrieval.whiten: embeddings hold NaN or infinity, or are all the same: embed the images again"
        )
    variances, axes = np.linalg.eigh(scatter / len(pool))
    kept = np.flatnonzero(variances > _LEAST * variances[-1])[::-1][:components]
    project = axes[:, kept] / variances[kept] ** 0.25
    return [_projected(vectors, mean, project) for vectors in sets]


def _projected(vectors: NDArray[Any], mean: NDArray[Any], project: NDArray[Any]) -> NDArray[np.float32]:
    out = np.empty((len(vectors), project.shape[1]), dtype=np.float32)
    for n, block in enumerate(_blocks(vectors)):
        out[n * BLOCK : n * BLOCK + len(block)] = (block - mean) @ project
    return out


def _blocks(vectors: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(vectors), BLOCK):
        yield vectors[start : start + BLOCK].astype(np.float64)
