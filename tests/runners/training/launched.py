"""One process of a training that `accelerate launch` starts, where there are no accelerators.

accelerate launch --config_file runners/training/fsdp.yaml -m tests.runners.training.launched CONFIG.json FOLDER

accelerate shards nothing between processes on a CPU; here it takes them for accelerators. All else is as on those:
what is launched, the weights' shards, DeepSpeed's engine, the sums over gloo.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from accelerate import PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from runners.training.launch import way
from tests.runners.training.several import main


def pretend() -> None:
    """Let processes on the CPU pass for accelerators."""
    begin = PartialState.__init__

    def begun(self: PartialState, cpu: bool = False, **others: Any) -> None:
        begin(self, cpu=False, **others)

    def on_the_cpu(self: PartialState) -> None:
        self.device = torch.device("cpu")

    PartialState.__init__ = begun
    PartialState._prepare_backend = lambda *_: ("gloo", DistributedType.MULTI_GPU)
    PartialState.set_device = on_the_cpu
    if way() == "deepspeed" and find_spec("deepspeed") is not None:
        # Compiling it would take minutes.
        vars(import_module("deepspeed.comm.torch"))["build_shm_op"] = lambda: None


if __name__ == "__main__":
    pretend()
    main(*sys.argv[1:])
    assert AcceleratorState().distributed_type == way().upper()
