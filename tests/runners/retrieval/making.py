"""Vectors to search, and the plain way to search them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from runners.retrieval.search import LENGTH, Neighbours


def random_vectors(rows: int, dimensions: int, *, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((rows, dimensions))


def vectors(rows: int) -> st.SearchStrategy[NDArray[np.float16]]:
    """Up to so many vectors of three small whole numbers, none of them all zeros: many copies, and many ties."""
    vector = st.tuples(*[st.integers(-2, 2)] * 3).filter(any)
    return st.lists(vector, min_size=1, max_size=rows).map(lambda found: np.array(found, dtype=np.float16))


def plain(
    asked: NDArray[np.floating],
    pool: NDArray[np.floating],
    k: int,
    *,
    apart: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
    duplicates: float | None = None,
) -> tuple[list[list[int]], list[list[float]]]:
    """Rows and cosines of the `k` nearest, pair by pair in Python's whole numbers."""
    ours, theirs = (
        [[round(LENGTH * float(x) / float(np.linalg.norm(row))) for x in row] for row in side.astype(np.float64)]
        for side in (asked, pool)
    )
    rows, cosines = [], []
    for n, a in enumerate(ours):
        found = []
        for m, b in enumerate(theirs):
            product = sum(x * y for x, y in zip(a, b, strict=True))
            length = (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
            same = duplicates is not None and product >= duplicates * length
            if not same and (apart is None or apart[0][n] != apart[1][m]):
                found.append((-product, m))
        found.sort()
        rows.append([m for _, m in found[:k]])
        cosines.append([-p / LENGTH**2 for p, _ in found[:k]])
    return rows, cosines


def rows_of(near: Neighbours) -> list[list[int]]:
    """The rows found, without the places behind the last."""
    return [[row for row in rows if row >= 0] for rows in near.rows.tolist()]


def found(rows: ArrayLike, likeness: ArrayLike | None = None) -> Neighbours:
    """Neighbours as a search would have found them."""
    places = np.array(rows, dtype=np.intp)
    steps = np.linspace(0.9, 0.5, places.shape[1]) * np.ones(places.shape) if likeness is None else np.array(likeness)
    return Neighbours(places, np.where(places < 0, -np.inf, steps).astype(np.float32))
