"""One of two processes that share a model's weights: what is saved is whole, what is put back finds its shards.

torchrun --nproc_per_node 2 -m tests.runners.training.sharded CONFIG.json FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from runners.training.config import TrainConfig
from runners.training.network import open_for_training
from runners.training.saving import put_tensors, save_result, tensors_of
from runners.training.stages import checksums

if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    config = TrainConfig.model_validate(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    trainee = open_for_training(config)
    names = [name for name, _ in trainee.network.named_parameters() if ".lora_" in name]
    before, sums = tensors_of(trainee.network, names), checksums(trainee.network)
    fully_shard(trainee.handle)
    weights = dict(trainee.network.named_parameters())
    assert all(isinstance(weights[name], DTensor) for name in names)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors_of(trainee.network, names).items())
    assert checksums(trainee.network) == sums
    other = {name: tensor + 1 for name, tensor in before.items()}
    put_tensors(trainee.network, other, Path("here"))
    assert all(torch.equal(tensor, other[name]) for name, tensor in tensors_of(trainee.network, names).items())
    assert checksums(trainee.network) != sums
    _, folder = save_result(Path(sys.argv[2]), config.stages, trainee, write=torch.distributed.get_rank() == 0)
    torch.distributed.barrier()
    saved = load_file(folder / "adapter_model.safetensors")
    assert len(saved) == len(other)
    assert all(torch.equal(saved[f"base_model.model.{name}"], tensor) for name, tensor in other.items())
    torch.distributed.destroy_process_group()
