"""One process of a training that several share: `torchrun ... -m tests.runners.training.several CONFIG.json FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from tests.runners.training.tiny_training import run, score

if __name__ == "__main__":
    torch.set_num_threads(1)
    run(Path(sys.argv[2]), json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), score=score)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
