"""Fits again and again, each time in a child of its own that is ended at some moment, then to the end.

    python -m tests.runners.classifier.kill_worker OUT SEED KILLS

A child is ended by a timer on its own processor time, so that neither a fast nor a busy machine moves the moment: the
kernel ends it on the spot, as kill -9 does, and no code of the child runs any more. Prints one JSON object: the exit
status of the last fit, and how many epochs had been told of at each end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path

import torch

import runners.models.loading  # noqa: F401 - imported once, before the forks
from runners.classifier.config import Classifier
from runners.classifier.fit import fit
from tests.runners.classifier.small_data import features

CONFIG = Classifier(head="mlp", hidden=64, dropout=0.3, epochs=16, batch_size=16, seeds=2, min_support=2)
# An epoch takes about 12 ms of processor time.
SPREAD = 0.02


def main() -> None:
    """One fit that is left alone, one that is ended again and again."""
    out, seed, kills = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)  # a forked child cannot use its parent's thread pool
    os.waitpid(_start(out, "whole"), 0)
    dice, told = random.Random(seed), []
    for _ in range(kills):
        _, status = os.waitpid(_start(out, "killed", after=dice.randint(1, 3), seconds=dice.uniform(0.001, SPREAD)), 0)
        if not os.WIFSIGNALED(status):
            break
        told.append(_lines(out))
    _, status = os.waitpid(_start(out, "killed"), 0)
    print(json.dumps({"status": os.waitstatus_to_exitcode(status), "lines": told, "all": _lines(out)}))


def _lines(out: Path) -> int:
    path = out / "killed.log"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _start(out: Path, name: str, *, after: int = 0, seconds: float = 0.0) -> int:
    """A child that fits; with `seconds` it ends that much processor time after it told of `after` epochs."""
    child = os.fork()
    if child == 0:
        # Whatever happens in the child, it must not go on as a second parent.
        status, told = 1, 0
        try:
            with (out / f"{name}.log").open("a", encoding="utf-8", buffering=1) as log:

                def tell(line: str) -> None:
                    nonlocal told
                    told += 1
                    print(line, file=log)
                    if seconds and told == after:
                        signal.setitimer(signal.ITIMER_PROF, seconds)

                fit(*features(), CONFIG, seed=3, folder=out / name, tell=tell)
            status = 0
        finally:
            os._exit(status)
    return child


if __name__ == "__main__":
    main()
