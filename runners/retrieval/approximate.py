"""Search in an HNSW graph (Malkov and Yashunin, 2018) for pools of millions, by FAISS or USearch where installed.

The graph proposes neighbours; they are then compared as in the exact search, so that likeness, order and what is left
out mean the same, and only a neighbour that the graph missed makes a difference. It takes the pool's vectors into
memory, as float32 (FAISS) or float16 (USearch), and is built anew for each search: below some 100,000 images the exact
search is faster. Built by several threads it is another one each time, and so is what it misses.

    search(asked, pool, k=40, how="faiss")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runners.retrieval.search import NOBODY, POOL_BLOCK, LeftOut, directions, keys_of, largest
from tasks.nouns import InputError

LINKS, EFFORT = 32, 256
"""Links of each image in the graph; images looked at while it is built and, at least, while it is searched."""
_ASKED = 256
Proposals = Callable[[NDArray[np.float32], int], NDArray[np.intp]]
"""Vectors and how many images to propose for each -> rows of the pool, NOBODY where there are no more."""


def approximate(
    asked: NDArray[Any], pool: NDArray[Any], *, k: int, how: Literal["faiss", "usearch"], left_out: LeftOut
) -> NDArray[np.float64]:
    """Keys of the `k` best that the graph proposes for each row asked, the best first; -inf behind the last."""
    propose = _faiss(pool) if how == "faiss" else _usearch(pool)
    best = np.full((len(asked), k), -np.inf)
    for first in range(0, len(asked), _ASKED):
        some = slice(first, min(first + _ASKED, len(asked)))
        ours = directions(asked, some, side="asked")
        open_ones = np.arange(len(ours))
        wide = min(2 * k, len(pool))  # float16 and ties make the graph's own order a little different
        while open_ones.size:  # where pairs are left out, more must be proposed until k remain
            for n, rows in zip(open_ones, propose(ours[open_ones], wide), strict=True):
                found = _compared(ours[n : n + 1], pool, np.unique(rows[rows != NOBODY]), first + int(n), left_out)
                best[first + n, : min(k, found.size)] = -np.sort(-largest(found, k)[0])
            short = open_ones[~np.isfinite(best[first + open_ones, -1])]
            open_ones = short if wide < len(pool) else short[:0]
            wide = min(4 * wide, len(pool))
    return best


def _compared(
    vector: NDArray[np.float32], pool: NDArray[Any], rows: NDArray[np.intp], asked: int, left_out: LeftOut
) -> NDArray[np.float64]:
    """Keys of these rows of the pool for one row asked, 1 x rows."""
    theirs = directions(pool, rows, side="pool")
    products = vector @ theirs.T
    left_out.strike(products, (vector, theirs), (slice(asked, asked + 1), rows))
    return keys_of(products, rows, number=len(pool))


def _faiss(pool: NDArray[Any]) -> Proposals:
    """FAISS's graph of the pool."""
    faiss = _package("faiss", "faiss-cpu")
    graph = faiss.IndexHNSWFlat(pool.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = EFFORT
    for _, block in _blocks(pool):
        graph.add(block)

    def propose(vectors: NDArray[np.float32], count: int) -> NDArray[np.intp]:
        graph.hnsw.efSearch = max(EFFORT, 2 * count)
        _, rows = graph.search(vectors, count)
        return np.asarray(rows, dtype=np.intp)

    return propose


def _usearch(pool: NDArray[Any]) -> Proposals:
    """USearch's graph of the pool."""
    index = _package("usearch.index", "usearch")
    graph = index.Index(ndim=pool.shape[1], metric="cos", dtype="f16", connectivity=LINKS, expansion_add=EFFORT)
    for start, block in _blocks(pool):
        graph.add(np.arange(start, start + len(block)), block)

    def propose(vectors: NDArray[np.float32], count: int) -> NDArray[np.intp]:
        graph.expansion_search = max(EFFORT, 2 * count)
        found = graph.search(vectors, count)
        rows = np.atleast_2d(found.keys).astype(np.intp)
        counts = np.asarray(found.counts if len(vectors) > 1 else [rows.shape[1]])  # one vector has another result type
        beyond = np.arange(rows.shape[1]) >= counts[:, None]
        return np.where(beyond, NOBODY, rows)

    return propose


def _blocks(pool: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The pool's directions block by block, each with its first row."""
    for start in range(0, len(pool), POOL_BLOCK):
        yield start, directions(pool, slice(start, start + POOL_BLOCK), side="pool")


def _package(module: str, package: str) -> Any:
    """The package, imported; InputError naming the extra when it is missing."""
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"retrieval.search: {module.partition('.')[0]} cannot be imported ({error}): install the extra with "
            f"`pip install '.[search]'` or {package} alone, or set retrieval.search=exact"
        ) from None
