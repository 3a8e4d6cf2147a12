"""The images of a pool that are most like each image asked about, in bounded memory.

    near = search(asked, pool, k=2)     # arrays, images x dimensions, as they are mapped from disk
    near.rows[0], near.likeness[0]      # array([17, 4]), array([0.93, 0.91])

Likeness is the cosine. Vectors are brought to length 4,000 and rounded to whole numbers, so that (up to some 30,000
dimensions) every sum in a float32 product stays below 2^24 and is exact: blocks, threads and processors change nothing,
and copies of an image tie. The rounding moves a cosine by some 1e-4. Of equally near images the earlier row of the pool
goes first. 20,000 images asked against 100,000 of 768 dimensions take 1.4 times the product alone, and 460 MB.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.nouns import InputError

How = Literal["exact", "faiss", "usearch"]
LENGTH = 4000
POOL_BLOCK, ASKED_BLOCK = 8192, 1024
"""Rows compared at once: 100 MB of products and keys."""
NOBODY = -1


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest of the pool for each image asked about, the nearest first."""

    rows: NDArray[np.intp]
    """Asked x k, rows of the pool; -1 behind the last neighbour of an image that has fewer than k."""
    likeness: NDArray[np.float32]
    """Asked x k, cosines; -inf where there is no neighbour."""


class NoDirectionError(InputError):
    """A vector without a direction has no cosine; who knows the file can name it."""

    def __init__(self, side: Literal["asked", "pool"], row: int) -> None:
        super().__init__(
            f"embeddings of the images {'asked about' if side == 'asked' else 'to search'}: row {row} holds NaN, "
            "infinity or zeros alone: embed the image again"
        )
        self.side, self.row = side, row


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Which pairs are no neighbours, however alike."""

    asked: NDArray[np.intp] | None
    """Number of the label of each row asked; None where no labels keep images apart."""
    pool: NDArray[np.intp] | None
    duplicates: float | None
    """The cosine from which on two images are taken for one."""

    @classmethod
    def of(cls, apart: tuple[Sequence[Hashable], Sequence[Hashable]] | None, duplicates: float | None) -> LeftOut:
        if apart is None:
            return cls(None, None, duplicates)
        numbers: dict[Hashable, int] = {}
        ours, theirs = (
            np.array([numbers.setdefault(label, len(numbers)) for label in side], dtype=np.intp) for side in apart
        )
        return cls(ours, theirs, duplicates)

    def strike(
        self,
        products: NDArray[np.float32],
        vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
        rows: tuple[Any, Any],
    ) -> None:
        """Set the products of such pairs to -inf; `vectors` and `rows` are those of the block, asked and pool."""
        if self.duplicates is not None:
            ours, theirs = (np.einsum("ij,ij->i", block, block).astype(np.float64) for block in vectors)
            least = self.duplicates * np.sqrt(ours.min(initial=np.inf) * theirs.min(initial=np.inf))
            n, m = np.divmod(np.flatnonzero(products >= least), max(products.shape[1], 1))
            # For copies all three are the same whole number, so a limit of 1 finds those and no others.
            same = products[n, m] >= self.duplicates * np.sqrt(ours[n] * theirs[m])
            products[n[same], m[same]] = -np.inf
        if self.asked is not None and self.pool is not None:
            np.copyto(products, -np.inf, where=self.asked[rows[0], None] == self.pool[None, rows[1]])


def search(
    asked: NDArray[Any],
    pool: NDArray[Any],
    *,
    k: int,
    how: How = "exact",
    apart: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
    duplicates: float | None = None,
) -> Neighbours:
    """The `k` rows of `pool` (images x dimensions) with the highest cosine to each row of `asked`.

    `apart` holds a label for each row asked and each of the pool: those of one label are no neighbours (ids: not the
    image itself; articles: nothing of its article). Nor are those with a cosine of `duplicates` or more; 1 leaves out
    copies. faiss and usearch search an HNSW graph and may miss some; what they find is compared as exactly.
    InputError: another number of dimensions, a k larger than the pool, a vector without a direction, no such package.
    """
    if asked.shape[1] != pool.shape[1]:
        raise InputError(
            f"embeddings of {asked.shape[1]} dimensions cannot be compared with those of {pool.shape[1]}: embed both "
            "with one encoder"
        )
    if k > len(pool):
        raise InputError(f"retrieval.k: {k} neighbours are asked of {len(pool)} images: lower k, or embed more images")
    left_out = LeftOut.of(apart, duplicates)
    if how == "exact":
        keys = _exact(asked, pool, k, left_out)
    else:
        from runners.retrieval.approximate import approximate

        keys = approximate(asked, pool, k=k, how=how, left_out=left_out)
    there = np.isfinite(keys)
    whole = np.where(there, keys, 0).astype(np.int64)
    rows = np.mod(-whole, len(pool))
    likeness = np.clip((whole + rows) // len(pool) / LENGTH**2, -1, 1)
    return Neighbours(
        np.where(there, rows, NOBODY).astype(np.intp), np.where(there, likeness, -np.inf).astype(np.float32)
    )


def _exact(asked: NDArray[Any], pool: NDArray[Any], k: int, left_out: LeftOut) -> NDArray[np.float64]:
    """Keys of the `k` best of the whole pool, the best first."""
    best = np.full((len(asked), k), -np.inf)
    for start in range(0, len(pool), POOL_BLOCK):
        part = slice(start, min(start + POOL_BLOCK, len(pool)))
        theirs = directions(pool, part, side="pool")
        for first in range(0, len(asked), ASKED_BLOCK):
            some = slice(first, min(first + ASKED_BLOCK, len(asked)))
            ours = directions(asked, some, side="asked")
            products = ours @ theirs.T
            left_out.strike(products, (ours, theirs), (some, part))
            found = largest(keys_of(products, np.arange(part.start, part.stop), number=len(pool)), k)
            best[some] = largest(np.concatenate([best[some], found], axis=1), k)
    return -np.sort(-best, axis=1)


def keys_of(products: NDArray[np.float32], rows: NDArray[np.intp], *, number: int) -> NDArray[np.float64]:
    """product x number of images in the pool - row: orders by product, then by row, and no two are equal.

    Whole numbers below 2^53 for pools of up to 500 million images.
    """
    keys = np.multiply(products, float(number), dtype=np.float64)
    keys -= rows
    return keys


def largest(keys: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """The `k` largest of each row in any order, all where there are fewer; `keys` is reordered."""
    if keys.shape[1] <= k:
        return keys
    keys.partition(keys.shape[1] - k, axis=1)
    return keys[:, -k:]


def directions(
    vectors: NDArray[Any], rows: NDArray[np.intp] | slice, *, side: Literal["asked", "pool"]
) -> NDArray[np.float32]:
    """These rows, each brought to length 4,000 and rounded to whole numbers."""
    taken = vectors[rows].astype(np.float64)
    lengths = np.sqrt((taken * taken).sum(axis=1))
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if bad.size:
        raise NoDirectionError(side, int(np.arange(len(vectors))[rows][bad[0]]))
    taken *= (LENGTH / lengths)[:, None]
    rounded: NDArray[np.float32] = np.rint(taken, out=taken).astype(np.float32)
    return rounded
