"""Trains again and again in children of its own, each stopped in another way, then lets each training end.

    python -m tests.runners.training.interruptions MODEL OUT

The parent imports the heavy packages once and forks: what is stopped is a real process in the real training. Prints
one JSON object: for each way, the exit statuses, and what the process said last.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

FILE_LIMIT = 50_000
"""Bytes a file may have on the `full` disk: less than the optimizer's state."""


def main() -> None:
    """Run every way of being stopped."""
    model, out = sys.argv[1], Path(sys.argv[2])
    import torch

    import runners.training.loop
    import runners.training.trainer  # noqa: F401

    torch.set_num_threads(1)  # a forked child cannot use its parent's thread pool

    def start(name: str, *, file_limit: int | None = None, learning_rate: float = 5e-3) -> int:
        return _fork(lambda: _train(model, out, name, learning_rate), out / f"{name}.log", file_limit)

    def rows(name: str) -> int:
        path = out / "trainings" / "caption_prediction" / name / "losses.csv"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def stopped(name: str, number: signal.Signals, after: int) -> int:
        child = start(name)
        while rows(name) < after and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.002)
        os.kill(child, number)
        return _status(child)

    kill, term = signal.SIGKILL, signal.SIGTERM
    result = {
        "whole": [_status(start("whole"))],
        "killed": [stopped("killed", kill, after) for after in (3, 7, 9, 14)] + [_status(start("killed"))],
        "terminated": [stopped("terminated", term, after) for after in (4, 13)] + [_status(start("terminated"))],
        "full": [_status(start("full", file_limit=FILE_LIMIT)), _status(start("full"))],
        "diverged": [_status(start("diverged", learning_rate=1e30))],
    }
    print(json.dumps({name: {"status": status, "said": _said(out, name)} for name, status in result.items()}))


def _train(model: str, out: Path, name: str, learning_rate: float) -> None:
    from runners.training.commands import train
    from tests.runners.training.tiny_training import score

    settings = (
        f"model.name={model} data.limit=16 data.valid=held_out data.hold_out=0.25 lora.rank=4 lora.dropout=0.1 keep=1 "
        "optimization.batch_size=1 optimization.accumulation=2 optimization.epochs=1 "
        f"optimization.learning_rate={learning_rate} "
        "evaluation.every=3 evaluation.images=2 generation.max_new_tokens=3"
    )
    stages = "stages=[{name: see, train: [vision]}, {name: speak, train: [projector, language]}]"
    config = "configs/caption_prediction/train-sample.yaml"
    words = [config, "--name", name, "--out", str(out / "trainings"), "--set", settings, "--set", stages]
    train(words, obj=score, standalone_mode=False)


def _fork(work: Callable[[], None], log: Path, file_limit: int | None) -> int:
    child = os.fork()
    if child == 0:
        # Whatever happens in the child, it must not go on as a second parent.
        status = 1
        try:
            with log.open("ab") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            if file_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
            work()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        except BaseException as error:  # noqa: BLE001 - told to the parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            status = 2
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child


def _status(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _said(out: Path, name: str) -> str:
    return (out / f"{name}.log").read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
