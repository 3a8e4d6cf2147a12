"""Image encoders: what is asked of one, which kinds there are, and what pins the vectors one makes.

    encoder = load_encoder(Encoder(name="efficientnet-lite0"))
    pixels = encoder.prepare(open_image(path))                # (3, 224, 224)
    encoder.embed(pixels[None]).shape                         # (1, 1984)

One kind per file; the name says which. Everything but `load_encoder` leaves torch alone: a set of embeddings that is
finished is opened at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from runners.embedding.config import Encoder
from runners.provenance import fingerprint
from tasks.nouns import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

_MODULES = {
    "efficientnet": "runners.embedding.efficientnet",
    "onnx": "runners.embedding.onnx_file",
    "timm": "runners.embedding.libraries",
    "torchvision": "runners.embedding.libraries",
    "torchxrayvision": "runners.embedding.libraries",
    "checkpoint": "runners.embedding.checkpoint",
}
"""Kind -> the module with its `weights_of(config)` (what pins weights and preprocessing) and `load(config)`."""
LIBRARIES = ("timm", "torchvision", "torchxrayvision")


class ImageEncoder(Protocol):
    """A loaded encoder."""

    @property
    def name(self) -> str:
        """As in the config."""
        ...

    @property
    def identity(self) -> str:
        """What pins its vectors, see `identity_of`."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def network(self) -> torch.nn.Module | None:
        """Pixels (B x C x H x W tensor) to features (B x D), differentiable, in eval mode; None: not trainable."""
        ...

    def prepare(self, image: Image, /) -> NDArray[np.float32]:
        """C x H x W, of one shape whatever the image's; may be called from several threads."""
        ...

    def embed(self, pixels: NDArray[np.float32], /) -> NDArray[np.float32]:
        """B x C x H x W to B x D."""
        ...


def load_encoder(config: Encoder) -> ImageEncoder:
    """The encoder a config names; InputError when it is not here, or cannot do what the config asks."""
    encoder: ImageEncoder = importlib.import_module(_MODULES[kind_of(config.name)]).load(config)
    return encoder


def facts_of(config: Encoder) -> dict[str, str]:
    """Everything about an encoder that changes a vector, as key -> value; no network is loaded."""
    kind = kind_of(config.name)
    _refuse_idle(config, kind)
    facts: Mapping[str, str] = importlib.import_module(_MODULES[kind]).weights_of(config)
    return {**facts, "views": config.views, "pooling": config.pooling}


def identity_of(config: Encoder) -> str:
    """SHA-256 over weights, preprocessing, views and pooling; no network is loaded."""
    return fingerprint(facts_of(config))


def kind_of(name: str) -> str:
    """The kind of encoder a name stands for, by its form alone."""
    library, colon, model = name.partition(":")
    if colon and model and library in LIBRARIES:
        return library
    if name.startswith("efficientnet-lite"):
        return "efficientnet"
    return "onnx" if Path(name).suffix == ".onnx" else "checkpoint"


def library(name: str, install: str) -> Any:
    """The package `name`; InputError that says what to install when it is not here, or fails to load."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError) as error:  # torchvision built for another torch: RuntimeError
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"the package {name} cannot be imported ({reason}): {install}") from None


def _refuse_idle(config: Encoder, kind: str) -> None:
    """InputError for a setting that would silently do nothing."""
    only = {"size": "onnx", "mean": "onnx", "std": "onnx", "revision": "checkpoint"}
    for key, wanted in only.items():
        if getattr(config, key) is not None and kind != wanted:
            what = "an .onnx file" if wanted == "onnx" else "a checkpoint of the hub"
            raise InputError(f"encoder {config.name}: {key} is for {what}: leave it out")
    if config.pooling == "stages" and kind != "efficientnet":
        raise InputError(f"encoder {config.name}: pooling: stages is for EfficientNet-Lite: use auto, mean or first")
    if config.pooling != "auto" and kind in LIBRARIES:
        raise InputError(f"encoder {config.name}: models of {kind} pool by themselves: set pooling to auto")
    if config.pooling == "first" and kind == "efficientnet":
        raise InputError(f"encoder {config.name}: pooling: it has no class token: use stages or mean")
