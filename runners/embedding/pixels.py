"""Pixels of one shape for every image, by the image processor of a checkpoint."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image, Resampling

from runners.embedding.network import Prepare
from runners.models.loading import noise_image
from tasks.nouns import InputError

if TYPE_CHECKING:
    from runners.embedding.towers import Tower

SIDE = 448
"""Pixels a side, at most, for a tower that takes any size: 256 vectors of Qwen2-VL's."""
_TILING = ("do_image_splitting", "crop_to_patches", "do_pan_and_scan")
"""Switches that make several tiles of an image; the whole image is wanted."""


def preparer(folder: Path, tower: Tower, name: str) -> Prepare:
    """From an image to C x H x W; InputError when the checkpoint holds no image processor.

    A processor that keeps the proportions gets the image squashed to a square: a batch has one shape.
    """
    processor = _processor(folder, name)
    if tower.patches:
        factor = processor.patch_size * processor.merge_size
        side = min(SIDE, int(processor.size["longest_edge"] ** 0.5)) // factor * factor
        return partial(_normalised, processor, side)
    for switch in _TILING:
        if hasattr(processor, switch):
            setattr(processor, switch, False)
    prepare = partial(_pixels, processor, None)
    try:
        noise = noise_image(160)
        shapes = {prepare(noise.resize(size)).shape for size in ((160, 96), (96, 160), (320, 320))}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"encoder {name}: its image processor makes no pixels of an image: {error}") from error
    return prepare if len(shapes) == 1 else partial(_pixels, processor, tower.side or SIDE)


def _processor(folder: Path, name: str) -> Any:
    from transformers import AutoImageProcessor

    try:
        return AutoImageProcessor.from_pretrained(folder, backend="pil")
    except (OSError, ValueError, ImportError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"encoder {name}: {folder} holds no image processor: copy preprocessor_config.json of the original model "
            "beside the weights"
        ) from error


def _pixels(processor: Any, side: int | None, image: Image) -> NDArray[np.float32]:
    """The whole image; of several tiles the first, which shows all of it."""
    if side is not None:
        image = image.resize((side, side), Resampling.BICUBIC)
    made = np.asarray(processor(images=[image], return_tensors="np")["pixel_values"], np.float32)
    while made.ndim > 3:
        made = made[0]
    return made


def _normalised(processor: Any, side: int, image: Image) -> NDArray[np.float32]:
    """A square, normalised as the processor does; it would go on to cut it into patches."""
    square = np.asarray(image.convert("RGB").resize((side, side), processor.resample), np.float32)
    mean, std = np.float32(processor.image_mean), np.float32(processor.image_std)
    return np.ascontiguousarray(((square * processor.rescale_factor - mean) / std).transpose(2, 0, 1), np.float32)
