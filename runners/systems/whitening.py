"""How an encoder's embeddings become directions: centred, whitened by half where wanted, brought to unit length.

The centre is the mean of the images that are learned from: embeddings of medical images share most of their direction,
and what is left tells them apart. Whitening is that of Jegou and Chum (Negative evidences and co-occurrences in image
retrieval: the benefit of PCA and whitening, 2012), but by half: a principal component is divided by the square root of
its standard deviation, not by the whole. On real images this found better neighbours than none or all of it:

    directions = fit_directions(learn.vectors, components=256)
    directions.of(asked.vectors[:4096])     # images x 256, float32
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.nouns import InputError

BLOCK = 4096
_LEAST = 1e-6
"""Components with less of the strongest one's variance than this are noise, and are left out."""


@dataclass(frozen=True, eq=False)
class Directions:
    """What was fitted to one encoder's embeddings of the images that are learned from."""

    mean: NDArray[np.float64]
    axes: NDArray[np.float64] | None
    """Dimensions x components, weak ones raised; None: the embeddings' own."""

    @property
    def width(self) -> int:
        """Numbers of a direction."""
        return len(self.mean) if self.axes is None else self.axes.shape[1]

    def of(self, vectors: NDArray[Any]) -> NDArray[np.float32]:
        """The unit vectors of some embeddings (images x dimensions); zeros for one that is the mean itself."""
        apart = vectors.astype(np.float64) - self.mean
        if self.axes is not None:
            apart = apart @ self.axes
        lengths = np.linalg.norm(apart, axis=1, keepdims=True)
        found: NDArray[np.float64] = np.divide(apart, lengths, out=np.zeros_like(apart), where=lengths > 0)
        return found.astype(np.float32)


def fit_directions(vectors: NDArray[Any], *, components: int | None) -> Directions:
    """Fitted to embeddings (images x dimensions), read block after block; components None: not whitened.

    There are fewer components where the embeddings have fewer dimensions, or differ in fewer directions. InputError
    when they hold NaN or infinity, or are to be whitened and are all the same.
    """
    mean = sum((block.sum(axis=0) for block in _blocks(vectors)), np.zeros(vectors.shape[1])) / len(vectors)
    if not np.isfinite(mean).all():
        raise InputError("embeddings hold NaN or infinity: embed the images again")
    if components is None:
        return Directions(mean, None)
    scatter = np.zeros((vectors.shape[1], vectors.shape[1]))
    for block in _blocks(vectors):
        apart = block - mean
        scatter += apart.T @ apart
    if not scatter.any():
        raise InputError("whiten: the embeddings are all the same: take another encoder, or set whiten to null")
    variances, axes = np.linalg.eigh(scatter / len(vectors))
    kept = np.flatnonzero(variances > _LEAST * variances[-1])[::-1][:components]
    return Directions(mean, axes[:, kept] / variances[kept] ** 0.25)


def _blocks(vectors: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(vectors), BLOCK):
        yield vectors[start : start + BLOCK].astype(np.float64)
