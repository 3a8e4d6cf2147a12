"""One training in a process of its own, and the memory it took.

python -m tests.bench.training_process CONFIG FOLDER KEY=VALUE ...    # 412.3 (MB)
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.processes import Cost, cost_of

EVERY = 0.01
"""Seconds between two looks."""


class Memory:
    """The most private memory of this process meanwhile, in bytes beyond that at the start; files' pages do not count.

    The weights are read from a mapped file, whose pages the system takes back when it needs them.
    """

    def __enter__(self) -> Memory:
        self._start = self._now()
        self.most = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            self.most = max(self.most, self._now() - self._start)

    @staticmethod
    def _now() -> float:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * float(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def train_alone(
    config: Path, folder: Path, settings: Sequence[str], *, cache: Path | None = None
) -> tuple[Cost, float]:
    """Train into `folder` with one thread: what it cost, and MB beyond the imports.

    What is remembered between runs, such as hashes of the images, goes to `cache`; None: where it always does.
    RuntimeError with what it said when it failed.
    """
    settled = ["OMP_NUM_THREADS=1", "HF_HUB_OFFLINE=1", *([f"XDG_CACHE_HOME={cache}"] if cache else [])]
    command = [sys.executable, "-m", "tests.bench.training_process", str(config), str(folder), *settings]
    cost = cost_of(["env", *settled, *command])
    try:
        return cost, float(cost.output.splitlines()[-1])
    except (ValueError, IndexError):
        raise RuntimeError(f"{' '.join(command)} failed:\n{cost.output}") from None


def main() -> None:
    """Run the training; print the most memory it took beyond what is imported, in MB."""
    import matplotlib.pyplot  # noqa: F401
    import peft  # noqa: F401

    from runners.config_files import load_as
    from runners.models.noise import silence
    from runners.training import loop, trainer  # noqa: F401
    from runners.training.config import TrainConfig

    silence()
    loaded = load_as(TrainConfig, Path(sys.argv[1]), sys.argv[3:])
    with Memory() as memory:
        loop.train(loaded.config, loaded.name, Path(sys.argv[2]), score=None, console=Console(quiet=True))
    print(memory.most / 1e6)


if __name__ == "__main__":
    main()
