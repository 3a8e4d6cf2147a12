"""A network in training used as at inference, and shares of work between the processes of a training.

with unchanged(network, tokenizer), precision(network, torch.bfloat16):
    network.generate(...)        # afterwards training goes on as if nothing had been
gathered(answers_of(items[rank() :: processes()]))        # the answers to all items, in every process
with whole_weights(learner): ...                          # each process at its own pace, under FSDP too
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch

Item = TypeVar("Item")


@contextmanager
def unchanged(network: Any, tokenizer: Any) -> Iterator[None]:
    """Meanwhile `network` is as at inference; afterwards it, the padding and all randomness are as they were."""
    modes = [(module, module.training) for module in network.modules()]
    side, python, numbers = tokenizer.padding_side, random.getstate(), np.random.get_state()
    cards = {p.device for p in network.parameters() if p.device.type == "cuda"}
    with ExitStack() as after:
        after.callback(random.setstate, python)
        after.callback(np.random.set_state, numbers)
        after.callback(setattr, tokenizer, "padding_side", side)
        for module, mode in modes:
            after.callback(setattr, module, "training", mode)
        after.enter_context(torch.random.fork_rng(devices=list(cards)))
        after.enter_context(torch.no_grad())
        tokenizer.padding_side = "left"
        network.eval()
        yield


def precision(network: Any, dtype: torch.dtype | None) -> torch.autocast:
    """Autocast to `dtype`, a run's, where the training holds weights in another one; without effect elsewhere.

    LoRA's own weights are in float32 at inference too, and do not count.
    """
    dtype = dtype or network.dtype
    kinds = {p.dtype for name, p in network.named_parameters() if p.is_floating_point() and "lora_" not in name}
    half = dtype in (torch.bfloat16, torch.float16)
    return torch.autocast(network.device.type, dtype, enabled=half and kinds != {dtype})


@contextmanager
def whole_weights(learner: Any) -> Iterator[None]:
    """Meanwhile each process has all weights of `learner`, the trainer's model: none waits for another's shares.

    Without effect unless FSDP shards them; then every process must enter, none may train, and the weights must fit
    on one accelerator, as they did when they were loaded.
    """
    from torch.distributed.fsdp import FSDPModule, register_fsdp_forward_method
    from transformers import GenerationMixin

    shards = [module for module in learner.modules() if isinstance(module, FSDPModule)]
    if shards:
        # FSDP looks for its root in the first forward, which must not be that of a layer.
        learner.looked_at = lambda: None
        register_fsdp_forward_method(learner, "looked_at")
        learner.looked_at()
    # Under FSDP transformers lets every process write as many tokens, in as many batches, as the others.
    writers = [module for module in learner.modules() if shards and isinstance(module, GenerationMixin)]
    try:
        for module in writers:
            module.generate = partial(module.generate, synced_gpus=False)
        for module in shards:
            module.set_reshard_after_forward(reshard_after_forward=False, recurse=False)
            module.unshard()
        yield
    finally:
        for module in writers:
            vars(module).pop("generate", None)
        for module in shards:
            module.reshard()
            module.set_reshard_after_forward(reshard_after_forward=module is not learner, recurse=False)


def rank() -> int:
    """The number of this process, from 0."""
    return torch.distributed.get_rank() if processes() > 1 else 0


def processes() -> int:
    """How many processes train together."""
    ready = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if ready else 1


def gathered(mine: list[Item]) -> list[Item]:
    """The items of all processes, in each of them; every process must call it."""
    if processes() == 1:
        return mine
    shares: list[Any] = [None] * processes()
    torch.distributed.all_gather_object(shares, mine)
    return [item for share in shares for item in share]
