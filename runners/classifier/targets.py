"""Concept lists -> what a classifier learns: a sparse table of images x learned concepts.

targets = targets_of([("C0040405",), ("C0040405", "C0817096")], min_support=2)
targets.cuis                # ("C0040405",)
targets.dense(slice(0, 2))  # [[1.0], [1.0]]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.nouns import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]


@dataclass(frozen=True, eq=False)
class Targets:
    """Which of the learned concepts each training image has."""

    cuis: tuple[str, ...]
    """The learned concepts, in ascending order."""
    matrix: csr_array
    """Images x concepts, bool."""

    @property
    def frequency(self) -> NDArray[np.float32]:
        """Share of the images that have each concept, above 0."""
        counts: NDArray[np.float32] = (self.matrix.sum(axis=0) / self.matrix.shape[0]).astype(np.float32)
        return counts

    def dense(self, rows: NDArray[np.intp] | slice) -> NDArray[np.float32]:
        """Targets of these images, 0 or 1."""
        table: NDArray[np.float32] = self.matrix[rows].toarray().astype(np.float32)
        return table


def targets_of(labels: Sequence[tuple[str, ...]], *, min_support: int) -> Targets:
    """The concepts of at least `min_support` images; InputError when there is none."""
    from scipy.sparse import csr_array

    counts = Counter(cui for concepts in labels for cui in set(concepts))
    cuis = tuple(sorted(cui for cui, count in counts.items() if count >= min_support))
    if not cuis:
        most = f"the most frequent has {max(counts.values())}" if counts else "no image has any"
        raise InputError(
            f"no concept has {min_support} training images ({len(labels)} images, {most}): lower "
            "min_support, or learn from more images"
        )
    place = {cui: n for n, cui in enumerate(cuis)}
    columns = [sorted(place[cui] for cui in set(concepts) if cui in place) for concepts in labels]
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.array([n for row in columns for n in row], dtype=np.int64)
    return Targets(cuis, csr_array((np.ones(len(flat), dtype=bool), flat, ends), shape=(len(labels), len(cuis))))
