"""How many images a batch can hold: image tokens without opening an image, and the largest batch by trying.

    tokens_of(processor, [(640, 480), (2048, 2048)])       # [391, 1280] for Qwen2-VL
    fitting_batch(model, (2048, 2048))                     # 48 on this card; 8 on a CPU, without trying

The probe answers a batch of the costliest images at full length, twice as many each time, until the card is nearly
full or refuses. A guess from sizes would have to know each architecture's activations and the allocator's losses.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from PIL import Image

from runners.models import Failure, Prepared, Size, is_out_of_memory
from runners.models.generation import Generator

CPU_BATCH = 8
"""Larger batches are no faster on a CPU: measured 1.2 to 1.8 times one image at a time, from 8 on."""
_MOST = 128
_SHARE = 0.9
"""Share of the card that a batch may leave in use: longer prompts and the allocator's gaps take from the rest."""
_FIXED = 576
"""Counted for an image of a family whose prompts hold no image tokens: it sees every image at one size."""
_PROMPT = "Describe the image for a radiologist. " * 8


class Probed(Protocol):
    """What the probe needs of a model."""

    network: Any
    generator: Generator

    def prepare(
        self, images: Sequence[Image.Image], prompts: Sequence[str], views: Sequence[Sequence[Image.Image]] = ()
    ) -> Prepared:
        """As in `runners.models.Model`."""
        ...

    def generate(self, prepared: Prepared, *, seed: int = 0) -> list[str | Failure]:
        """As in `runners.models.Model`."""
        ...


def tokens_of(processor: Any, sizes: Sequence[Size]) -> list[int]:
    """Tokens that images of these widths and heights take in a prompt, their marks and separators included.

    What the processor says itself; else, for tiled images (SmolVLM), tiles times tokens of a tile; else a constant.
    """
    if hasattr(processor, "_get_num_multimodal_tokens"):
        said = processor._get_num_multimodal_tokens(image_sizes=[(height, width) for width, height in sizes])
        return [int(tokens) for tokens in said["num_image_tokens"]]
    tiles = getattr(processor.image_processor, "get_number_of_image_patches", None)
    each = getattr(processor, "image_seq_len", None)
    if tiles is None or each is None:
        return [_FIXED] * len(sizes)
    return [int(tiles(height, width)[0]) * int(each) for width, height in sizes]


def fitting_batch(model: Probed, longest: Size, *, images: int = 1, prompt: str = _PROMPT) -> int:
    """How many examples `model` can answer at once, of so many `images` of this size, each at full length.

    1 where not even one fits: the run then says so for each image.
    """
    device = model.network.device
    if device.type != "cuda":
        return CPU_BATCH
    image = Image.new("RGB", longest, "grey")

    def attempt(size: int) -> None:
        with model.generator.full_length():
            model.generate(model.prepare([image] * size, [prompt] * size, [[image] * (images - 1)] * size))

    return largest_batch(attempt, most=_MOST, used=lambda: _share_in_use(device))


def largest_batch(try_batch: Callable[[int], None], *, most: int, used: Callable[[], float]) -> int:
    """The largest size up to `most` that `try_batch` survives with room to spare, of 1, 2, 3, 4, 6, 8, 12, 16, ...

    `used` is the share of the memory in use (0 to 1) right after a try. An error other than out of memory is raised.
    """
    safe, size = 0, 1
    while size <= most and _fits(try_batch, size, used):
        safe, size = size, 2 * size
    between = safe + safe // 2
    if safe < between <= most and _fits(try_batch, between, used):
        safe = between
    return max(1, safe)


def _fits(try_batch: Callable[[int], None], size: int, used: Callable[[], float]) -> bool:
    try:
        try_batch(size)
        return used() <= _SHARE
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    finally:
        # By now the error, whose frames hold the tensors of the failed try, is gone.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return False


def _share_in_use(device: torch.device) -> float:
    """Of the whole card, by this program and others, with what the allocator keeps since the largest moment."""
    free, total = torch.cuda.mem_get_info(device)
    return 1 - free / total
