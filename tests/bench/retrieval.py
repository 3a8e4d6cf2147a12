"""Exact search of 20,000 images among 100,000, against one BLAS product of the same size.

`python -m tests.bench.retrieval ASKED POOL` searches once, so that its memory can be taken; IMAGECLEF_BENCH_SHARE=0.1
in the environment takes a tenth of the images on both sides.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runners.retrieval.search import search
from tests.bench.processes import cost_of
from tests.bench.sides import Row, within

POOL, ASKED, DIMENSIONS = 100_000, 20_000, 768
K = 40
BLOCK = 2_000
"""Rows asked that the plain product takes at once: all of its result would be 8 GB."""


def measure() -> Iterator[Row]:
    """Processor seconds of the search and of the product, and the search's peak memory."""
    share = float(os.environ.get("IMAGECLEF_BENCH_SHARE", "1"))
    asked, pool = int(ASKED * share), int(POOL * share)
    with tempfile.TemporaryDirectory() as temporary:
        paths = [Path(temporary) / f"{name}.npy" for name in ("asked", "pool")]
        for n, (path, rows) in enumerate(zip(paths, (asked, pool), strict=True)):
            _write(path, rows, seed=n)
        command = [sys.executable, "-m", "tests.bench.retrieval", *map(str, paths)]
        cost = cost_of(command)
        ours = float(cost.output)
        theirs = _product(*paths)
    ratio = ours / theirs
    yield within(
        f"the {K} nearest of {pool:,} for {asked:,} images, {DIMENSIONS} dimensions",
        f"{ratio:.2f}x of one product: {ours:.1f} s / {theirs:.1f} s, {cost.peak:,.0f} MB",
        reached=ratio <= 3 and cost.peak < 2000,
        goal="at most 3x, under 2,000 MB",
    )


def _write(path: Path, rows: int, *, seed: int) -> None:
    """Random float16 vectors, block by block."""
    random = np.random.default_rng(seed)
    out = np.lib.format.open_memmap(path, "w+", np.float16, (rows, DIMENSIONS))
    for start in range(0, rows, BLOCK):
        out[start : start + BLOCK] = random.standard_normal((len(out[start : start + BLOCK]), DIMENSIONS), np.float32)
    out.flush()


def _product(asked: Path, pool: Path) -> float:
    """Processor seconds of the product alone, in float32."""
    ours, theirs = (np.load(path).astype(np.float32) for path in (asked, pool))
    out = np.empty((min(BLOCK, len(ours)), len(theirs)), dtype=np.float32)
    start = time.process_time()
    for first in range(0, len(ours), BLOCK):
        block = ours[first : first + BLOCK]
        np.matmul(block, theirs.T, out=out[: len(block)])
    return time.process_time() - start


def main() -> None:
    """Print the processor seconds of one search."""
    asked, pool = (np.load(path, mmap_mode="r") for path in sys.argv[1:])
    start = time.process_time()
    search(asked, pool, k=K)
    print(time.process_time() - start)


if __name__ == "__main__":
    main()
