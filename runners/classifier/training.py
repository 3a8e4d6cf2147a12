"""One network's training: AdamW, the rate falling along a cosine, resumable at every epoch to the same bytes.

An epoch depends on the state it starts from, the seed and its number alone: order, dropout and augmentation are drawn
anew from these. The state (weights, AdamW's moments) is written after each epoch, so a stop loses one at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from runners.classifier.augmentation import augmented
from runners.classifier.config import Classifier
from runners.classifier.losses import losses_of, positive_weights, smoothed
from runners.classifier.network import BACKBONE, Tuned, learning, load_tensors, put_state, state_of
from runners.classifier.rows import Rows, read_ahead
from runners.classifier.targets import Targets
from tasks.files import write_whole
from tasks.nouns import InputError

Tell = Callable[[str], None]
"""Takes a line about how far it is."""
USUAL_INPUTS = 1000
"""Inputs of a layer that learns at the config's own rate."""
MOST_FASTER = 10.0
"""Narrower layers, and biases, learn at most so many times faster."""
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Lesson:
    """What is learned from: rows, their targets, and how."""

    rows: Rows
    targets: Targets
    config: Classifier
    seed: int
    device: torch.device

    def random(self, *where: int) -> np.random.Generator:
        """Random numbers that depend on the seed and on `where` alone."""
        return np.random.default_rng([self.seed % 2**64, *where])


def train(network: torch.nn.Module, lesson: Lesson, *, number: int, state: Path | None, tell: Tell) -> None:
    """Train `network`, the `number`-th of a fit, in place; it goes on from `state` where that file is.

    InputError when the loss is no longer a number.
    """
    epochs = lesson.config.epochs
    optimizer = _optimizer(network, lesson.config)
    first = 0 if state is None else _restore(state, network, optimizer)
    for epoch in range(first, epochs):
        loss = _epoch(network, optimizer, lesson, number=number, epoch=epoch)
        tell(f"network {number + 1} of {lesson.config.seeds}, epoch {epoch + 1} of {epochs}: loss {loss:.5f}")
        if not math.isfinite(loss):
            raise InputError(
                f"the classifier's loss is {loss} in epoch {epoch + 1}: lower classifier.learning_rate"
                + (" or finetune_learning_rate" if lesson.config.finetune else "")
            )
        if state is not None and epoch + 1 < epochs:
            _save(state, network, optimizer, epoch + 1)
    network.eval()


def _epoch(network: torch.nn.Module, optimizer: torch.optim.AdamW, lesson: Lesson, *, number: int, epoch: int) -> float:
    """Once through all rows; the mean loss of a step."""
    config, random = lesson.config, lesson.random(number, epoch)
    frequency = torch.from_numpy(lesson.targets.frequency).to(lesson.device)
    weights = positive_weights(frequency, config.balance)
    order = random.permutation(len(lesson.rows))
    steps = math.ceil(len(order) / config.batch_size)
    total = torch.zeros((), device=lesson.device)
    network.train()
    with drawing(lesson.device, int(random.integers(2**62))):
        for step, (rows, values) in enumerate(read_ahead(lesson.rows, order, size=config.batch_size)):
            _set_rate(optimizer, (epoch * steps + step) / (config.epochs * steps))
            given = torch.from_numpy(values).to(lesson.device)
            wanted = torch.from_numpy(lesson.targets.dense(rows)).to(lesson.device)
            logits = network(augmented(given) if isinstance(network, Tuned) else given)
            loss = losses_of(config.loss, logits, smoothed(wanted, frequency, config.label_smoothing), weights).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach()
    return float(total) / steps


@contextmanager
def drawing(device: torch.device, seed: int) -> Iterator[None]:
    """Meanwhile torch's random numbers come from `seed`; afterwards they go on as before."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _optimizer(network: torch.nn.Module, config: Classifier) -> torch.optim.AdamW:
    """AdamW, each weight at the rate that suits its layer; biases and scales do not decay."""
    groups = []
    for name, weight in learning(network).items():
        rate = config.finetune_learning_rate if name.startswith(BACKBONE) else _rate(weight, config)
        decay = config.weight_decay if weight.ndim > 1 else 0.0
        groups.append({"params": [weight], "weight_decay": decay, "lr": rate, "highest": rate})
    return torch.optim.AdamW(groups, fused=True)


def _rate(weight: torch.Tensor, config: Classifier) -> float:
    """Of a head's weight: inversely to the inputs of its layer, as Adam moves each weight alike and their moves add up.

    The rule is that of Yang et al. 2022 (arXiv 2203.03466), table 3; measured: one rate suits 192 and 1,984 features.
    """
    inputs = weight.shape[1] if weight.ndim > 1 else 1
    return config.learning_rate * min(USUAL_INPUTS / inputs, MOST_FASTER)


def _set_rate(optimizer: torch.optim.AdamW, done: float) -> None:
    """Half a cosine, from the highest rate at `done` 0 to 0 at 1 (Loshchilov & Hutter 2017, arXiv 1608.03983)."""
    for group in optimizer.param_groups:
        group["lr"] = group["highest"] * (1 + math.cos(math.pi * done)) / 2


def _save(path: Path, network: torch.nn.Module, optimizer: torch.optim.AdamW, epoch: int) -> None:
    from safetensors.torch import save

    tensors = {f"weight {name}": tensor for name, tensor in state_of(network).items()}
    for name, weight in learning(network).items():
        for moment in _MOMENTS:
            tensors[f"{moment} {name}"] = optimizer.state[weight][moment].detach().cpu().contiguous()
    step = next(iter(optimizer.state.values()))["step"]
    write_whole(path, save({**tensors, "epoch": torch.tensor(epoch), "step": torch.as_tensor(step).cpu()}))


@torch.no_grad()
def _restore(path: Path, network: torch.nn.Module, optimizer: torch.optim.AdamW) -> int:
    """Put a saved state into a network and its optimizer; how many epochs it has had, 0 without a file."""
    if not path.exists():
        return 0
    tensors = load_tensors(path)
    put_state(network, {n.removeprefix("weight "): t for n, t in tensors.items() if n.startswith("weight ")}, path)
    for name, weight in learning(network).items():
        # In the weight's own memory layout: the fused optimizer goes through both side by side.
        moments = {moment: torch.empty_like(weight).copy_(tensors[f"{moment} {name}"]) for moment in _MOMENTS}
        optimizer.state[weight] = {"step": tensors["step"].to(weight.device, copy=True), **moments}
    return int(tensors["epoch"])
