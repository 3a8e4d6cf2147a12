"""One stage: what it learns from, what may move, and the proof that exactly that moved.

    work = plan_stage(material, config, 1, processes=1)      # Work(steps=100, effective_batch=16, ...)
    names, idle = start_stage(trainee, work, collate)        # the tensors that train: counted, asserted, reached
    before = checksums(trainee.network)
    ...                                                      # training
    require_moved(before, checksums(trainee.network), names, stage=work.stage.name)

Training that quietly trains nothing, or something else than was asked, is the commonest way to lose a night: here a
stage that starts with other trainable tensors than planned, or ends with another set of changed ones, is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from runners.training.balance import order_of
from runners.training.config import Stage, TrainConfig
from runners.training.data import Material, Sample, samples_of
from runners.training.network import Trainee
from runners.training.parts import planned, trainable, whole
from runners.training.survival import TrainingStopped
from tasks.nouns import InputError

_CHUNK = 1 << 24
"""Numbers that are summed at once: 128 MiB while it lasts."""


@dataclass(frozen=True)
class Work:
    """A stage with everything it needs to know before it starts."""

    number: int
    """From 1."""
    stage: Stage
    samples: Sequence[Sample]
    """As the stage's filter and prompt make them."""
    order: Sequence[int]
    """Which sample comes when, epoch after epoch: steps x effective batch of them."""
    steps: int
    effective_batch: int
    """Images a step learns from: batch size x accumulation x processes."""
    learning_rate: float

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> Sample:
        return self.samples[self.order[place]]


def plan_stage(material: Material, config: TrainConfig, number: int, *, processes: int) -> Work:
    """The work of stage `number`; InputError when it has nothing to learn from.

    A last step that would be short is filled up from the next epoch: the steps are the same on any number of
    processes, and every image is seen as often as the config says.
    """
    stage, settings = config.stages[number - 1], config.optimization
    samples = samples_of(material, config, stage)
    if not samples:
        raise InputError(f"stage '{stage.name}': no image with an answer is left to learn from")
    effective = settings.batch_size * settings.accumulation * processes
    if stage.share is not None:
        steps = max(1, round(stage.share * math.ceil(settings.epochs * len(material.train) / effective)))
    else:
        steps = math.ceil((stage.epochs or settings.epochs) * len(samples) / effective)
    return Work(
        number=number,
        stage=stage,
        samples=samples,
        order=_order(samples, config, number, length=steps * effective),
        steps=steps,
        effective_batch=effective,
        learning_rate=stage.learning_rate or settings.learning_rate,
    )


def start_stage(
    trainee: Trainee, work: Work, collate: Callable[[Sequence[Sample]], Mapping[str, Any]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Let exactly what the stage plans be trained: those tensors, and those planned ones the output does not depend on.

    One image goes through the network once to find the latter (LLaVA, for one, reads the vision tower's last layer
    but one); they stay frozen. InputError when nothing is left.
    """
    plan = planned(trainee.network, trainee.model.family, work.stage)
    _set_trainable(trainee.network, plan)
    idle = _unreached(trainee, plan, collate([work[0]]))
    names = tuple(name for name in plan if name not in idle)
    if not names:
        raise InputError(f"stage '{work.stage.name}': the answer depends on none of the {len(plan)} tensors it trains")
    _set_trainable(trainee.network, names)
    if set(trainable(trainee.network)) != set(names):
        raise RuntimeError(f"stage '{work.stage.name}': other tensors would train than the {len(names)} planned")
    return names, tuple(sorted(idle))


def checksums(network: torch.nn.Module) -> dict[str, int]:
    """A number for each weight and each saved buffer that a change of any bit changes; exact on every device."""
    return {name: _checksum(tensor) for name, tensor in _kept(network)}


def require_moved(before: Mapping[str, int], after: Mapping[str, int], names: Sequence[str], *, stage: str) -> None:
    """TrainingStopped unless exactly the layers of `names` have changed: all of them, and nothing else."""
    moved = {name for name in after if before.get(name) != after[name]}
    if strangers := sorted(moved.difference(names)):
        raise TrainingStopped(
            f"stage '{stage}' changed {len(strangers)} tensors that it was not to train, {strangers[0]} is the first: "
            "its result is not what the config says"
        )
    # The A matrix of an adapter moves only after B has, and a single step may leave a bias where it was.
    layers = {_layer(name) for name in names}
    if still := sorted(layers - {_layer(name) for name in moved}):
        raise TrainingStopped(
            f"stage '{stage}' left {len(still)} of its {len(layers)} layers as they were, {still[0]} is the first: is "
            "the learning rate too small for them to move?"
        )


def _order(samples: Sequence[Sample], config: TrainConfig, number: int, *, length: int) -> list[int]:
    order: list[int] = []
    epoch = 0
    while len(order) < length:
        order += order_of(samples, config=config, stage_number=number, epoch=epoch)
        epoch += 1
    return order[:length]


def _set_trainable(network: torch.nn.Module, names: Sequence[str]) -> None:
    wanted = set(names)
    for name, weight in network.named_parameters():
        weight.requires_grad_(name in wanted)


def _unreached(trainee: Trainee, names: Sequence[str], batch: Mapping[str, Any]) -> set[str]:
    """Those of `names` that get no gradient from the loss of `batch`."""
    network = trainee.network
    network.eval()
    inputs = {key: value.to(network.device) for key, value in batch.items() if isinstance(value, torch.Tensor)}
    half = trainee.precision != torch.float32
    with torch.autocast(network.device.type, dtype=trainee.precision, enabled=half):
        loss = network(**inputs).loss
    if not loss.requires_grad:
        return set(names)
    loss.backward()
    weights = dict(network.named_parameters())
    unreached = {name for name in names if weights[name].grad is None}
    network.zero_grad(set_to_none=True)
    return unreached


def _kept(network: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from network.named_parameters()
    saved = network.state_dict().keys()
    yield from ((name, buffer) for name, buffer in network.named_buffers() if name in saved)


def _checksum(tensor: torch.Tensor) -> int:
    """Sum of the bits as whole numbers, each times an odd number of its place, modulo 2^64."""
    raw = whole(tensor.detach()).contiguous().view(-1).view(torch.uint8)
    if raw.numel() % 4 == 0:
        raw = raw.view(torch.int32)
    total = 0
    for start in range(0, raw.numel(), _CHUNK):
        piece = raw[start : start + _CHUNK].to(torch.int64)
        odd = torch.arange(start, start + piece.numel(), device=piece.device) * 2 + 1
        total += int((piece * odd).sum())
    return total


def _layer(name: str) -> str:
    return name.partition(".lora_")[0] if ".lora_" in name else name.rpartition(".")[0]
