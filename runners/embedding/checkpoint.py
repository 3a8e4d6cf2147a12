"""Encoders in checkpoints of transformers: dual encoders, vision towers, and the vision tower of a model that speaks.

* a dual encoder (CLIP, SigLIP, vision and text side by side; OpenCLIP's layout, see `open_clip.py`): the image's
  vector in the common space
* a vision tower (ViT, DINOv2, ConvNeXt ...): what it pools by itself; without learned weights for that, the class token
* a model of `imageclef models list`, `sample` too: its vision tower, of which the mean of all places is taken, at the
  depth where the language model reads it

    load(Encoder(name="facebook/dinov2-base")).dimensions     # 768
    load(Encoder(name="sample")).dimensions

The checkpoint's own image processor makes the pixels, with Pillow, so that every machine gets the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runners.checkpoints import Checkpoint, locate
from runners.embedding.config import Encoder
from runners.embedding.open_clip import located, open_vit
from tasks.nouns import InputError

if TYPE_CHECKING:
    from runners.embedding.encoders import ImageEncoder


def weights_of(config: Encoder) -> dict[str, str]:
    """What pins weights and preprocessing: the hash of the folder holds both."""
    return {"weights": _locate(config).identity, "preprocessing": "the checkpoint's own, by Pillow"}


def load(config: Encoder) -> ImageEncoder:
    """The encoder; InputError when the checkpoint has no image processor or takes more than an image."""
    from runners.embedding.network import TorchEncoder
    from runners.embedding.pixels import preparer
    from runners.embedding.towers import open_tower
    from runners.models.llava_med import loadable

    checkpoint = _locate(config)
    if located(checkpoint.path) is not None:
        return TorchEncoder.of(config, *open_vit(checkpoint.path))
    folder = loadable(checkpoint).path
    tower = open_tower(folder, config)
    return TorchEncoder.of(config, tower.network, preparer(folder, tower, config.name))


def _locate(config: Encoder) -> Checkpoint:
    try:
        return located(Path(config.name).expanduser()) or locate(config.name, config.revision)
    except InputError as error:
        raise InputError(f"encoder {config.name}: {error}") from None
