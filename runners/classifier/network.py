"""The networks: a head on features, and a backbone with a head for fine-tuning.

    head = Head(dimensions=1984, concepts=400, hidden=512, dropout=0.5)    # hidden None: linear
    head.standardise(mean, spread); head.start(frequency)
    head(features)                                                         # logits, images x concepts

A fresh head answers every image with the frequencies of the training images: training begins at the best constant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from runners.checkpoints import read_tensors
from tasks.nouns import InputError

BACKBONE = "backbone."
"""What the names of a fine-tuned encoder's weights begin with."""
FAR = 8.0
"""Standardised features are cut at so many standard deviations: a feature that hardly varied must not run away."""


class Head(nn.Module):
    """Standardisation, then a linear layer, or one hidden layer (GELU) and a linear one; dropout before each."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, dimensions: int, concepts: int, *, hidden: int | None, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("spread", torch.ones(dimensions))
        self.drop = nn.Dropout(dropout)
        self.hidden = None if hidden is None else nn.Linear(dimensions, hidden)
        self.out = nn.Linear(hidden or dimensions, concepts)

    def standardise(self, mean: torch.Tensor, spread: torch.Tensor) -> None:
        """Take these as the mean and standard deviation of each feature."""
        self.mean.copy_(mean)
        self.spread.copy_(torch.where(spread > 0, spread, torch.ones_like(spread)))

    @torch.no_grad()
    def start(self, frequency: torch.Tensor) -> None:
        """Begin with the answer `frequency` (above 0, one a concept) for every image."""
        self.out.weight.zero_()
        self.out.bias.copy_(torch.logit(frequency, eps=1e-6))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits, images x concepts, of features, images x dimensions."""
        values = ((features - self.mean) / self.spread).clamp(-FAR, FAR)
        if self.hidden is not None:
            values = nn.functional.gelu(self.hidden(self.drop(values)))
        logits: torch.Tensor = self.out(self.drop(values))
        return logits


class Tuned(nn.Module):
    """A backbone and a head: pixels (images x channels x height x width) to logits.

    The backbone stays in evaluation mode, its batch statistics as they are: those of small batches would be worse.
    """

    def __init__(self, backbone: nn.Module, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def train(self, mode: bool = True) -> Tuned:
        """As in torch, but for the head alone."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits, images x concepts."""
        logits: torch.Tensor = self.head(self.backbone(pixels))
        return logits


def reached(backbone: nn.Module, pixels: torch.Tensor) -> list[str]:
    """Names of the weights that features depend on: not those of a classification layer that is never used."""
    weights = dict(backbone.named_parameters())
    for weight in weights.values():
        weight.requires_grad_(True)
    found = torch.autograd.grad(backbone(pixels).sum(), list(weights.values()), allow_unused=True)
    return [name for name, gradient in zip(weights, found, strict=True) if gradient is not None]


def last_part(backbone: nn.Module, names: Sequence[str]) -> list[str]:
    """The last half of these weights by number, taken by whole modules in the order of registration.

    Of a CNN that is the last stage or two, of a transformer the upper half of its blocks.
    """
    sizes = {name: weight.numel() for name, weight in backbone.named_parameters() if name in set(names)}
    half, passed = sum(sizes.values()) / 2, 0
    modules = {name.rpartition(".")[0] for name in list(sizes)[-1:]}
    for name, size in sizes.items():
        if passed >= half:
            modules.add(name.rpartition(".")[0])
        passed += size
    return [name for name in sizes if name.rpartition(".")[0] in modules]


def learning(network: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that are trained, by name."""
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad}


def state_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """What a trained network has beyond its backbone as it came: the weights that are trained, the head's buffers."""
    buffers = {name: value for name, value in network.named_buffers() if not name.startswith(BACKBONE)}
    tensors = {**learning(network), **buffers}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())}


def identity_of(backbone: nn.Module) -> str:
    """SHA-256 over the names and values of a network's weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(backbone.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def put_state(network: nn.Module, tensors: Mapping[str, torch.Tensor], where: Path) -> None:
    """Put what `state_of` gave into a network built alike; InputError when a tensor is missing or of another size."""
    own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    wanted = state_of(network)
    if set(wanted) != set(tensors) or any(tensors[name].shape != own[name].shape for name in wanted):
        raise InputError(f"{where} belongs to another network (encoder, head or concepts): train again elsewhere")
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file; InputError when it is missing or damaged."""
    return read_tensors(path, mend="remove it and train again")
