"""Encoders of timm, torchvision and torchxrayvision, where these are installed; each brings its own preprocessing.

    Encoder(name="timm:vit_base_patch16_224.dino")                      # timm.list_models(pretrained=True)
    Encoder(name="torchvision:resnet50")                                # torchvision.models.list_models()
    Encoder(name="torchxrayvision:densenet121-res224-all")              # chest radiographs (Cohen et al. 2022)

None is a requirement: timm and torchxrayvision need torchvision, which must be the build for the torch that is here.
The libraries fetch their weights by themselves, at first use; a name and the library's version pin them.
torchxrayvision's are pickles, which it opens itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from runners.embedding.config import Encoder
from runners.embedding.encoders import kind_of, library
from tasks.nouns import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from runners.embedding.encoders import ImageEncoder

_MATCHING = "pip install {} with the torchvision that matches your torch (pytorch.org/get-started)"


def weights_of(config: Encoder) -> dict[str, str]:
    """What pins weights and preprocessing: the name, and the library's version."""
    kind = kind_of(config.name)
    try:
        version = metadata.version(kind)
    except metadata.PackageNotFoundError:
        raise InputError(f"encoder {config.name}: {kind} is not installed: {_MATCHING.format(kind)}") from None
    return {"weights": config.name, "preprocessing": f"{kind} {version}"}


def load(config: Encoder) -> ImageEncoder:
    """The encoder; InputError when the library is missing, knows no such model or cannot fetch it."""
    from runners.embedding.network import TorchEncoder

    kind, _, name = config.name.partition(":")
    package = library(kind, _MATCHING.format(kind))
    try:
        network, prepare = {"timm": _timm, "torchvision": _torchvision, "torchxrayvision": _xray}[kind](package, name)
    except Exception as error:  # each library raises what it likes for an unknown name or a failed download
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"encoder {config.name}: {kind} cannot load it: {reason}\n  Is the name one of its list, and the machine "
            "on the network when its weights are fetched for the first time?"
        ) from error
    return TorchEncoder.of(config, network, prepare)


def _timm(timm: Any, name: str) -> tuple[Any, Callable[[Image], NDArray[np.float32]]]:
    """Without its classes a timm model gives its pooled features."""
    network = timm.create_model(name, pretrained=True, num_classes=0)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)
    return network, partial(_transformed, transform)


def _torchvision(torchvision: Any, name: str) -> tuple[Any, Callable[[Image], NDArray[np.float32]]]:
    """The best weights there are, and the model without its last linear layer, which names ImageNet's classes."""
    import torch

    weights = torchvision.models.get_model_weights(name).DEFAULT
    network = torchvision.models.get_model(name, weights=weights)
    heads = [path for path, module in network.named_modules() if isinstance(module, torch.nn.Linear)]
    if not heads:
        raise ValueError("it has no linear layer at its end")
    network.set_submodule(heads[-1], torch.nn.Identity())
    return network, partial(_transformed, weights.transforms())


def _transformed(transform: Callable[[Image], Any], image: Image) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = transform(image.convert("RGB")).numpy().astype(np.float32)
    return pixels


def _xray(torchxrayvision: Any, name: str) -> tuple[Any, Callable[[Image], NDArray[np.float32]]]:
    """The features before the classifier; its README's input: one channel in [-1024, 1024], the centre square."""
    import torch

    class Features(torch.nn.Module):
        def __init__(self, body: Any) -> None:
            super().__init__()
            self.body = body

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            # DenseNets pool in `features2`, ResNets in `features`.
            take = getattr(self.body, "features2", None) or self.body.features
            vectors: torch.Tensor = take(pixels)
            return vectors

    side = re.search(r"-res(\d+)-", name)
    if side is None:
        raise ValueError("a name such as densenet121-res224-all says the size of the image")
    return Features(torchxrayvision.models.get_model(name)), partial(_radiograph, int(side[1]))


def _radiograph(side: int, image: Image) -> NDArray[np.float32]:
    from PIL.Image import Resampling

    edge = min(image.size)
    x, y = (image.width - edge) // 2, (image.height - edge) // 2
    square = image.convert("L").crop((x, y, x + edge, y + edge))
    grey = np.asarray(square.resize((side, side), Resampling.BILINEAR), np.float32)
    pixels: NDArray[np.float32] = ((2 * grey / 255 - 1) * 1024)[None].astype(np.float32)
    return pixels
