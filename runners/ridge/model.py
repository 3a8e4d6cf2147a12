"""A fitted ridge: what it answers for new images, and for each image of its pool as if that had been left out.

model = fit_ridge(train.vectors, labels, Ridge())
next(model.answers(asked.vectors))      # images x concepts, float64 in [0, 1], a block of images at a time
model.probabilities(asked.vectors, asked.ids)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runners.classifier.targets import Targets
from tasks.nouns import InputError
from tasks.probabilities import LEAST, Probabilities

BLOCK = 2048
"""Images at once: 80 MB of kernel for 5,000 landmarks."""
Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RidgeModel:
    """Coefficients of the landmarks, and what it was fitted to."""

    gamma: float
    landmarks: Table
    """Landmarks x dimensions, unit vectors: the pool, or evenly chosen images of a large one."""
    coefficients: Table
    """Landmarks x concepts."""
    pool: NDArray[Any]
    """Images x dimensions."""
    targets: Targets
    freedom: Table
    """1 - h of each image of the pool, where h is what its own label weighs in the answer it gets."""

    @property
    def cuis(self) -> tuple[str, ...]:
        """The learned concepts, in ascending order."""
        return self.targets.cuis

    @property
    def mean(self) -> Table:
        """Share of the pool's images that have each concept."""
        return self.targets.frequency.astype(np.float64)

    def answers(self, asked: NDArray[Any]) -> Iterator[Table]:
        """Probability of each concept in each image (images x dimensions), block after block.

        InputError when the vectors are another encoder's, or one has no direction.
        """
        if asked.shape[1] != self.pool.shape[1]:
            raise InputError(
                f"embeddings of {asked.shape[1]} dimensions cannot be answered from those of {self.pool.shape[1]}: "
                "embed both with one encoder"
            )
        for rows in blocks(len(asked)):
            yield np.clip(self._fitted(asked[rows]), 0, 1)

    def left_out(self) -> Iterator[Table]:
        """The same for the images of the pool, each by what the other images alone would say.

        No fit is made anew: leaving out image i moves its residual r to r / (1 - h) (Cook and Weisberg, Residuals and
        influence in regression, 1982). The frequencies and landmarks stay those of the whole pool.
        """
        for rows in blocks(len(self.pool)):
            true = self.targets.dense(rows)
            yield np.clip(true - (true - self._fitted(self.pool[rows])) / self.freedom[rows, None], 0, 1)

    def probabilities(self, asked: NDArray[Any], ids: Sequence[str]) -> Probabilities:
        """What it answers, those below 1/1024 left out; `ids` name the rows of `asked`."""
        return _sparse(self.answers(asked), ids, self.cuis)

    def probabilities_left_out(self, ids: Sequence[str]) -> Probabilities:
        """The same for the pool; `ids` name its rows."""
        return _sparse(self.left_out(), ids, self.cuis)

    def _fitted(self, vectors: NDArray[Any]) -> Table:
        found: Table = self.mean + kernel(unit(vectors), self.landmarks, gamma=self.gamma) @ self.coefficients
        return found


def kernel(ours: Table, theirs: Table, *, gamma: float) -> Table:
    """exp(-gamma |x - y|^2) of each unit vector x of one side and y of the other."""
    found = ours @ theirs.T
    found -= 1
    found *= 2 * gamma
    return np.exp(found, out=found)


def unit(vectors: NDArray[Any]) -> Table:
    """The rows brought to unit length; InputError for one that has no direction."""
    rows: Table = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if bad.size:
        raise InputError(
            f"{bad.size} embeddings hold NaN, infinity or zeros alone, so they have no direction: embed the images "
            "again"
        )
    rows /= lengths[:, None]
    return rows


def blocks(number: int) -> Iterator[slice]:
    """So many rows, in parts that fit into memory."""
    return (slice(start, min(start + BLOCK, number)) for start in range(0, number, BLOCK))


def _sparse(answers: Iterable[Table], ids: Sequence[str], cuis: tuple[str, ...]) -> Probabilities:
    from scipy.sparse import csr_array, vstack  # type: ignore[import-untyped]

    parts = [csr_array(np.where(block < LEAST, 0, block).astype(np.float32)) for block in answers]
    table = vstack(parts, format="csr") if parts else csr_array((0, len(cuis)), dtype=np.float32)
    return Probabilities(tuple(ids), cuis, table)
