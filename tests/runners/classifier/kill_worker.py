"""Fits again and again, each time in a child of its own that a kill -9 hits at some moment, then to the end.

    python -m tests.runners.classifier.kill_worker OUT SEED KILLS

Prints one JSON object: the exit status of the last fit, and how many epochs were saved at each kill.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

import runners.models.loading  # noqa: F401 - imported once, before the forks
from runners.classifier.config import Classifier
from runners.classifier.fit import fit
from tests.runners.classifier.small_data import features

CONFIG = Classifier(head="mlp", hidden=64, dropout=0.3, epochs=8, batch_size=16, seeds=2, min_support=2)


def main() -> None:
    """One fit that is left alone, one that is killed."""
    out, seed, kills = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)  # a forked child cannot use its parent's thread pool
    os.waitpid(_start(out, "whole"), 0)
    dice, saved = random.Random(seed), []
    for _ in range(kills):
        child, lines = _start(out, "killed"), _lines(out)
        wanted = lines + dice.randint(0, 3)
        while _lines(out) < wanted and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break
        saved.append(_lines(out))
    _, status = os.waitpid(_start(out, "killed"), 0)
    print(json.dumps({"status": os.waitstatus_to_exitcode(status), "lines": saved, "all": _lines(out)}))


def _lines(out: Path) -> int:
    path = out / "killed.log"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _start(out: Path, name: str) -> int:
    child = os.fork()
    if child == 0:
        # Whatever happens in the child, it must not go on as a second parent.
        status = 1
        try:
            with (out / f"{name}.log").open("a", encoding="utf-8", buffering=1) as log:
                fit(*features(), CONFIG, seed=3, folder=out / name, tell=lambda line: print(line, file=log))
            status = 0
        finally:
            os._exit(status)
    return child


if __name__ == "__main__":
    main()
