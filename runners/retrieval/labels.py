"""A space in which images are near that look alike and of which the same concepts are expected.

Kernel ridge says how probable each concept is in each image; of an image of the pool it is asked as if that had been
left out, so that its own label does not place it. Departures from the frequencies count by the square root of those, as
in a chi-squared distance (Greenacre, Theory and applications of correspondence analysis, 1984):

    e(p) = unit((p - mean) / sqrt(mean + 0.01))
    pool, asked = label_space(train.vectors, asked.vectors, labels)
    search(asked, pool, k=60)

A row is e(p) beside the image's own unit vector, so that twice its cosine to another is the sum of the two cosines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runners.ridge.config import Ridge
from runners.ridge.fit import fit_ridge
from runners.ridge.model import RidgeModel, unit

RARE = 0.01
"""Added to a frequency, so that rare concepts do not decide."""


def label_space(
    pool: NDArray[Any], asked: NDArray[Any], labels: Sequence[tuple[str, ...]], config: Ridge | None = None
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Rows for `pool` and `asked` (images x dimensions) of one column per learned concept and one per dimension.

    `labels` are those of the pool's rows. InputError as `fit_ridge` and `RidgeModel.answers`.
    """
    model = fit_ridge(pool, labels, config or Ridge())
    return _rows(model, pool, model.left_out()), _rows(model, asked, model.answers(asked))


def _rows(model: RidgeModel, vectors: NDArray[Any], expected: Iterator[NDArray[np.float64]]) -> NDArray[np.float16]:
    width = len(model.cuis)
    table = np.empty((len(vectors), width + vectors.shape[1]), dtype=np.float16)
    start = 0
    for block in expected:
        rows = slice(start, start + len(block))
        apart = (block - model.mean) / np.sqrt(model.mean + RARE)
        lengths = np.linalg.norm(apart, axis=1, keepdims=True)
        table[rows, :width] = np.divide(apart, lengths, out=np.zeros_like(apart), where=lengths > 0)
        table[rows, width:] = unit(vectors[rows])
        start = rows.stop
    return table
