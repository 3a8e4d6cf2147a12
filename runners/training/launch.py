"""How the processes of a training were started, and what they share.

    torchrun --nproc-per-node 4 --no-python -- imageclef train CONFIG                                   # ddp
    accelerate launch --config_file runners/training/fsdp.yaml -m imageclef train CONFIG                # fsdp
    accelerate launch --config_file runners/training/deepspeed.yaml -m imageclef train CONFIG           # deepspeed

With ddp each process has everything; with deepspeed (ZeRO 1 and 2, https://arxiv.org/abs/1910.02054) gradients and the
optimizer's state are shared out between them, with fsdp (version 2) the weights too, and put together when needed.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any, Literal

import torch

from runners.training.config import TrainConfig
from tasks.nouns import InputError

Way = Literal["ddp", "fsdp", "deepspeed"]


def way() -> Way:
    """What the environment asks for; a single process is `ddp` too."""
    if _asked("ACCELERATE_USE_DEEPSPEED"):
        return "deepspeed"
    return "fsdp" if _asked("ACCELERATE_USE_FSDP") else "ddp"


def refuse_launch() -> None:
    """InputError when the processes were started in a way that cannot be trained in."""
    if way() == "fsdp" and os.environ.get("FSDP_VERSION") != "2":
        raise InputError("FSDP: version 2 it must be: use runners/training/fsdp.yaml")
    if way() != "deepspeed":
        return
    if find_spec("deepspeed") is None:
        raise InputError("DeepSpeed is not installed: pip install deepspeed, or use torchrun or fsdp.yaml")
    from accelerate.utils import DeepSpeedPlugin

    if (stage := int(DeepSpeedPlugin().zero_stage)) not in (1, 2):
        raise InputError(
            f"DeepSpeed: zero_stage {stage} is not supported, 1 and 2 are (runners/training/deepspeed.yaml). Stage 3 "
            "leaves of each weight an empty one in the network, and what trains could be neither counted nor saved; "
            "to share the weights out too, use runners/training/fsdp.yaml"
        )


def for_processes(config: TrainConfig, processes: int, *, began: int) -> TrainConfig:
    """`config` for so many processes, where the training `began` with another number: the same effective batch.

    Each then accumulates more or fewer batches, of the same images in the same order. InputError, with the numbers
    that can be had, when these cannot be shared out evenly.
    """
    settings = config.optimization
    batches = settings.accumulation * began
    if batches % processes:
        able = ", ".join(str(count) for count in range(1, batches + 1) if batches % count == 0)
        raise InputError(
            f"this training began with {began} processes, and its step of {batches} batches of {settings.batch_size} "
            f"images cannot be shared out between {processes}: go on with {able} processes"
        )
    shared = settings.model_copy(update={"accumulation": batches // processes})
    return config.model_copy(update={"optimization": shared})


def tell_deepspeed(arguments: Any, precision: torch.dtype) -> None:
    """Let DeepSpeed do as `arguments`, transformers' TrainingArguments, say, and keep the weights' precision.

    Its own bf16 and fp16 would round every weight of the network, the adapter's too; autocast leaves them as they are.
    InputError in float16, for which it would have to scale the loss.
    """
    if precision == torch.float16:
        raise InputError("optimization.precision: float16 is not for DeepSpeed: set bfloat16 or float32")
    arguments.deepspeed_plugin.deepspeed_config.update(
        {
            "train_micro_batch_size_per_gpu": arguments.per_device_train_batch_size,
            "gradient_accumulation_steps": arguments.gradient_accumulation_steps,
            "gradient_clipping": arguments.max_grad_norm,
            "bf16": {"enabled": False},
            "fp16": {"enabled": False},
            "torch_autocast": {
                "enabled": precision == torch.bfloat16,
                "dtype": "bfloat16",
                # Gradients of these modules would be rounded before they are summed.
                "lower_precision_safe_modules": [],
            },
        }
    )


def wrap_layers(accelerator: Any, network: Any) -> None:
    """Say which modules FSDP is to put together one after the other: those that transformers never splits.

    A vision-language model names layers that it may not have (CLIP's text embeddings), which accelerate refuses.
    """
    there = {type(module).__name__ for module in network.modules()}
    layers = [name for name in network._no_split_modules or () if name in there]
    accelerator.state.fsdp_plugin.transformer_cls_names_to_wrap = layers


def _asked(key: str) -> bool:
    return os.environ.get(key, "").lower() == "true"
