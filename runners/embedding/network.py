"""An encoder whose network is a torch module: where it runs, how wide its vectors are, pixels to vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from runners.embedding.config import Encoder
from runners.embedding.encoders import identity_of
from runners.models.loading import leave_a_core, noise_image, resolve_device
from tasks.nouns import InputError

Prepare = Callable[[Image], NDArray[np.float32]]


@dataclass
class TorchEncoder:
    """A torch module that takes B x C x H x W and gives B x D; `of` is the way to make one."""

    name: str
    identity: str
    network: torch.nn.Module
    prepare: Prepare
    device: torch.device
    dimensions: int = field(init=False)

    @classmethod
    def of(cls, config: Encoder, network: torch.nn.Module, prepare: Prepare) -> TorchEncoder:
        """The encoder in float32, shown to take an image; InputError when it does not."""
        try:
            device = resolve_device(config.device)
        except InputError as error:
            raise InputError(f"encoder {config.name}: {str(error).removeprefix('model.')}") from None
        if device.type == "cpu":
            leave_a_core()
        network.float().to(device).eval().requires_grad_(requires_grad=True)
        for module in network.modules():
            # Convolutions of small networks take half the time with channels last, others as much as before.
            if isinstance(module, torch.nn.Conv2d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
        encoder = cls(config.name, identity_of(config), network, prepare, device)
        try:
            shape = encoder.embed(prepare(noise_image())[None]).shape
        except (ValueError, RuntimeError, TypeError, AttributeError, KeyError, IndexError) as error:
            reason = (str(error).strip().splitlines() or [""])[0]
            raise InputError(
                f"encoder {config.name}: it does not take one image alone ({type(error).__name__}: {reason}): "
                "it needs more than pixels, or its preprocessing is another model's; use another encoder"
            ) from error
        if len(shape) != 2 or shape[0] != 1:
            raise InputError(
                f"encoder {config.name}: it makes an array {tuple(shape)} of one image, not one vector: use another "
                "pooling, or another encoder"
            )
        encoder.dimensions = shape[1]
        return encoder

    def embed(self, pixels: NDArray[np.float32], /) -> NDArray[np.float32]:
        """B x C x H x W to B x D."""
        given = torch.from_numpy(pixels).to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode():
            vectors: NDArray[np.float32] = self.network(given).float().cpu().numpy()
        return vectors


def pooled(places: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector per image out of B x D x H x W or B x N x D: the mean of all places, or the first (class token).

    ValueError when a map is asked for its class token.
    """
    if places.ndim == 2:
        return places
    if places.ndim == 4:
        if pooling == "first":
            raise ValueError("pooling: first: it makes a map and has no class token: use mean")
        return places.mean(dim=(2, 3))
    return places[:, 0] if pooling == "first" else places.mean(dim=1)
