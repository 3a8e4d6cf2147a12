"""The base model ready to be trained: in the right precision, with one LoRA adapter for all stages, all of it frozen.

One adapter holds the layers of every LoRA stage. Where a stage has not trained yet its B matrices are zero, so it
changes nothing; what an earlier stage learnt stays active in the later ones. So nothing is merged between stages,
which in 4-bit would round, and what comes out is one adapter.

    trainee = open_for_training(config)
    trainee.model.network       # the network that answers, adapter in place
    trainee.learner             # the same weights as transformers.Trainer takes them
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from runners.checkpoints import Checkpoint, locate
from runners.config import Data, RunConfig
from runners.models.llava_med import loadable
from runners.models.loading import resolve_device, resolve_dtype
from runners.models.vision_language import VisionLanguageModel
from runners.training.config import TrainConfig
from runners.training.launch import refuse_launch
from runners.training.parts import ADAPTER, lora_targets
from tasks.nouns import InputError


@dataclass(frozen=True)
class Trainee:
    """A model about to be trained."""

    model: VisionLanguageModel
    """Asks and answers as in a run."""
    handle: Any
    """peft's handle on the adapter; None when no stage trains by LoRA."""
    base: Checkpoint
    precision: torch.dtype
    """What is computed in; trained weights are kept in float32."""

    @property
    def folder(self) -> Path:
        """Where the base model's files lie, in the layout that was loaded."""
        return loadable(self.base).path

    @property
    def network(self) -> Any:
        """The network, adapter in place."""
        return self.model.network

    @property
    def learner(self) -> Any:
        """What the trainer calls."""
        return self.model.network if self.handle is None else self.handle


def open_for_training(config: TrainConfig) -> Trainee:
    """The base model of `config` with a fresh adapter; the same tensors each time, by the config's seed.

    InputError when it is no model that can be trained here, or lacks a part that a stage trains.
    """
    if config.model.served is not None:
        raise InputError("model.served: a model behind a server cannot be trained; name a checkpoint, served: null")
    device = resolve_device(config.model.device)
    precision = resolve_dtype(config.optimization.precision, device, key="optimization.precision")
    base = locate(config.model.name, config.model.revision)
    model = VisionLanguageModel.load(_as_run(config, precision), base, ())
    handle = None
    if config.quantization != "none":
        from peft import prepare_model_for_kbit_training

        # The trainer turns gradient checkpointing on.
        prepare_model_for_kbit_training(model.network, use_gradient_checkpointing=False)
    if targets := lora_targets(model.network, model.family, config.stages):
        handle = _adapted(model.network, targets, config)
    model.network.eval().requires_grad_(requires_grad=False)
    return Trainee(model, handle, base, precision)


def refuse_unready(config: TrainConfig) -> None:
    """InputError when something that the training needs besides the model is not there."""
    if missing := [name for name in config.report_to if find_spec(name) is None]:
        raise InputError(f"report_to: {missing[0]} is not installed: pip install {missing[0]}, or take it out")
    if config.optimization.optimizer == "paged_adamw_8bit" and find_spec("bitsandbytes") is None:
        raise InputError("optimization.optimizer: paged_adamw_8bit needs bitsandbytes: pip install bitsandbytes")
    refuse_launch()


def _as_run(config: TrainConfig, precision: torch.dtype) -> RunConfig:
    """The run that asks the model as this training does.

    A base that stays frozen is kept in the precision that is computed in; weights that move are kept in float32,
    since a step is often smaller than what half precision can add.
    """
    full = any(stage.how == "full" for stage in config.stages)
    dtype = "float32" if full else config.model.dtype
    if dtype == "auto":
        dtype = str(precision).removeprefix("torch.")  # type: ignore[assignment]
    return RunConfig(
        task=config.task,
        edition=config.edition,
        data=Data(path=config.data.path, split=config.data.valid, views=config.data.views),
        model=config.model.model_copy(update={"dtype": dtype}),
        quantization=config.quantization,
        prompt=config.prompt,
        generation=config.generation,
        seed=config.seed,
    )


def _adapted(network: Any, targets: str, config: TrainConfig) -> Any:
    from peft import LoraConfig, PeftModel

    lora = LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.alpha,
        lora_dropout=config.lora.dropout,
        target_modules=targets,
        base_model_name_or_path=config.model.name,
        revision=config.model.revision,
    )
    with torch.random.fork_rng(devices=_accelerators(network)):
        torch.manual_seed(config.seed)
        return PeftModel(network, lora, adapter_name=ADAPTER)


def _accelerators(network: Any) -> list[torch.device]:
    return [network.device] if network.device.type == "cuda" else []
