"""What it costs to learn a classifier: epochs of a linear head on features that stay on disk, in a process alone.

python -m tests.bench.classifier FOLDER 10000    # {"fit": 10.4, "products": 5.5, "answers": 2.3, "megabytes": 503}
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bench.processes import ROOT
from tests.bench.sides import Row, within

IMAGES = 10_000
EPOCHS = 2
"""So that the state between epochs is written as well."""
DIMENSIONS = 2_000
CONCEPTS = 2_500
EACH = 8
"""Concepts of an image."""


def measure() -> Iterator[Row]:
    """A fit against the matrix products that it cannot do without, and the memory beside the features' own pages."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.bench.classifier", folder, str(IMAGES)]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True, env=env)
    found = json.loads(done.stdout.splitlines()[-1])
    times = found["fit"] / found["products"]
    what = f"a classifier's epochs, {IMAGES:,} images x {DIMENSIONS:,} features x {CONCEPTS:,} concepts, twice"
    yield within(
        what,
        f"{found['fit']:.1f} s ({EPOCHS * IMAGES / found['fit']:,.0f} images/s), {times:.1f}x",
        reached=times < 3,
        goal="under 3x the matrix products alone",
    )
    yield within(
        "its memory, the answer for as many images included",
        f"{found['megabytes']:,.0f} MB; the answer {IMAGES / found['answers']:,.0f} images/s",
        reached=found["megabytes"] < 1000,
        goal="under 1,000 MB",
    )


def main() -> None:
    """Seconds of CPU and the highest memory of a fit and of its answer, as JSON."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    from runners.classifier.config import Classifier
    from runners.classifier.fit import fit

    rows, labels = _write(folder / "train.npy", count), _labels(count)
    products = _products(rows, Classifier().batch_size)
    config = Classifier(head="linear", epochs=EPOCHS, seeds=1, min_support=1)
    with _Memory() as memory:
        start = time.process_time()
        heads = fit(rows, labels, config, seed=1, folder=folder / "heads")
        middle = time.process_time()
        heads.probabilities(rows, [str(n) for n in range(count)])
        end = time.process_time()
    seconds = {"fit": middle - start, "products": products, "answers": end - middle}
    print(json.dumps({**seconds, "megabytes": memory.highest / 1e6}))


class _Memory:
    """The highest private memory of this process meanwhile, beyond that at the start; pages of files do not count."""

    def __enter__(self) -> _Memory:
        self.start = self.highest = 0.0
        self.start = self._now()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.ended.wait(0.02):
            self.highest = max(self.highest, self._now() - self.start)

    @staticmethod
    def _now() -> float:
        line = next(ln for ln in Path("/proc/self/status").read_text().splitlines() if ln.startswith("RssAnon"))
        return float(line.split()[1]) * 1024


def _write(path: Path, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]]:
    """Invented features, written in blocks, mapped."""
    random = np.random.default_rng(0)
    table = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(count, DIMENSIONS))
    for first in range(0, count, 1000):
        block = table[first : first + 1000]
        block[:] = random.standard_normal(block.shape, dtype=np.float32)
    table.flush()
    mapped: np.ndarray[tuple[int, ...], np.dtype[np.float16]] = np.load(path, mmap_mode="r")
    return mapped


def _labels(count: int) -> list[tuple[str, ...]]:
    """Concepts by Zipf's law, each of some image."""
    random = np.random.default_rng(1)
    share = 1 / np.arange(1, CONCEPTS + 1)
    drawn = random.choice(CONCEPTS, size=(count, EACH), p=share / share.sum())
    return [tuple(f"C{n:07}" for n in (*row, at % CONCEPTS)) for at, row in enumerate(drawn.tolist())]


def _products(rows: np.ndarray[tuple[int, ...], np.dtype[np.float16]], size: int) -> float:
    """Seconds of CPU for a forward product and one of the gradient per batch, nothing else."""
    import torch

    weight, gradient = torch.randn(CONCEPTS, DIMENSIONS), torch.randn(size, CONCEPTS)
    given = torch.from_numpy(rows[:size].astype(np.float32))
    start = time.process_time()
    for _ in range(EPOCHS * len(rows) // size):
        torch.mm(given, weight.T)
        torch.mm(gradient.T, given)
    return time.process_time() - start


if __name__ == "__main__":
    main()
