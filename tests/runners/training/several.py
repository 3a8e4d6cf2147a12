"""One process of a training that several may share, killed at an evaluation when a number of one is given.

torchrun --nproc_per_node 2 -m tests.runners.training.several CONFIG.json FOLDER 4
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from tests.runners.training.tiny_training import run, score


def main(*arguments: str) -> None:
    """Train as CONFIG.json says into FOLDER, until the scorer is asked for the given time."""
    torch.set_num_threads(1)
    left = int(arguments[2]) if len(arguments) > 2 else -1

    def deadly(*asked: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return score(*asked)

    run(Path(arguments[1]), json.loads(Path(arguments[0]).read_text(encoding="utf-8")), score=deadly)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
