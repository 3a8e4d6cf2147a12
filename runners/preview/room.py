"""Whether a config fits into the memory of its device, and how many images at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.config import RunConfig
from runners.doctor import Finding, Level
from runners.models.families import Family
from runners.preview.memory import (
    CUDA_CONTEXT,
    GIB,
    Memory,
    activation_bytes,
    cache_bytes,
    weight_bytes,
    workspace_bytes,
)

if TYPE_CHECKING:
    from runners.preview.sight import Sight

_MARGIN = 0.9
"""Share of the free memory that a batch may take: the allocator loses the rest between its blocks; a guess."""
_SAVING = "a smaller batch_size, quantization: nf4, model.dtype: bfloat16, or a lower model.max_pixels"


@dataclass(frozen=True)
class Room:
    """The memory there is, and what a batch takes of it."""

    device: str
    free: int
    whole: int
    one: Memory
    """With one image a batch."""
    images: int
    """The asked batch size; 1 for auto."""
    batch: Memory
    """With `images` a batch."""

    @property
    def largest(self) -> int:
        """Images that fit into what is free, by the estimate; 0 when not even one does."""
        each = self.one.cache + self.one.activations
        return max(0, int((_MARGIN * self.free - self.one.weights - self.one.reserved) // max(1, each)))

    def finding(self, adapters: int) -> Finding:
        """What to say about it; `adapters`: bytes that unmerged adapters take besides."""
        need = self.batch.total + adapters
        level: Level = "ok"
        if self.one.total + adapters > self.whole:
            level = "problem"
        elif need > _MARGIN * self.free:
            level = "warning"
        weights = _gib(self.batch.weights + adapters)
        text = (
            f"{_gib(need)} for a batch of {self.images}: weights {weights}, keys and values "
            f"{_gib(self.batch.cache)}, activations {_gib(self.batch.activations)}; {self.device} has "
            f"{_gib(self.whole)}, {_gib(self.free)} free; a batch of about {self.largest} would fit"
        )
        facts = {
            "images": self.images,
            "weights": self.batch.weights,
            "adapters": adapters,
            "cache": self.batch.cache,
            "activations": self.batch.activations,
            "reserved": self.batch.reserved,
            "total": need,
            "free": self.free,
            "whole": self.whole,
            "largest_batch": self.largest,
        }
        mend = "" if level == "ok" else f"{_SAVING}; free the memory that other programs hold"
        return Finding(level, "memory", text, mend=mend, facts=facts)


@dataclass(frozen=True)
class Device:
    """Where a config runs, and in which precision."""

    device: Any
    dtype: Any

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.device}, computing in {str(self.dtype).removeprefix('torch.')}"


def device_for(config: RunConfig) -> Device:
    """The device of `config`; InputError when it, the precision or the attention is not to be had here."""
    from runners.models.loading import attention_implementation, resolve_device, resolve_dtype

    device = resolve_device(config.model.device)
    dtype = resolve_dtype(config.model.dtype, device)
    resolve_dtype(config.model.compute_dtype, device, key="model.compute_dtype")
    attention_implementation(config.model.attention, device, dtype)
    return Device(device, dtype)


@dataclass(frozen=True)
class Weights:
    """What a network takes before it is asked anything, in bytes."""

    held: int
    workspace: int
    """To unpack one quantized layer."""


def weights_of(config: RunConfig, family: Family, network: Any) -> Weights:
    """The weights as `config` quantizes them; `network` is on the meta device and in the run's precision."""
    kind: dict[str, Any] = {"quantization": config.quantization, "kept": family.unquantized}
    held = weight_bytes(network, double_quantization=config.model.double_quantization, **kind)
    return Weights(held, workspace_bytes(network, **kind))


def room_for(config: RunConfig, where: Device, *, weights: Weights, architecture: Any, seen: Sight) -> Room:
    """The room of `config` on `where`; `architecture` is the model's own config."""
    size = where.dtype.itemsize
    beams = config.generation.num_beams
    own, cross = _cached_tokens(architecture, seen, config.generation.max_new_tokens)

    def memory(images: int) -> Memory:
        activations = activation_bytes(
            architecture,
            images=images,
            beams=beams,
            prompt_tokens=seen.tokens,
            patches=seen.patches,
            itemsize=size,
            eager=config.model.attention == "eager",
        )
        cache = cache_bytes(architecture, rows=images * beams, tokens=own, itemsize=size, cross_tokens=cross)
        reserved = CUDA_CONTEXT if where.device.type == "cuda" else 0
        return Memory(weights.held, cache, weights.workspace + activations, reserved)

    free, whole = _memory(where.device)
    images = config.batch_size if isinstance(config.batch_size, int) else 1
    return Room(str(where.device), free, whole, one=memory(1), images=images, batch=memory(images))


def _cached_tokens(config: Any, seen: Sight, new: int) -> tuple[int, int]:
    """Tokens of which a decoder keeps keys and values: its own, and the image's or the encoder's."""
    if not seen.placeholders:
        return seen.tokens + new, seen.patches + 1
    if any(getattr(part, "is_encoder_decoder", False) for part in (config, getattr(config, "text_config", None))):
        return new, seen.tokens
    return seen.tokens + new, 0


def _memory(device: Any) -> tuple[int, int]:
    """Free and whole memory of a device, in bytes."""
    if device.type == "cuda":
        import torch

        free, whole = torch.cuda.mem_get_info(device)
        return int(free), int(whole)
    import psutil

    memory = psutil.virtual_memory()
    return int(memory.available), int(memory.total)


def merging(parameters: int, raw: Mapping[str, Any]) -> Finding:
    """What a merge takes before the run: the base model as config.json (`raw`) says it is stored, read on the CPU."""
    import psutil

    stored = str(raw.get("dtype") or raw.get("torch_dtype"))
    size = parameters * (2 if stored in {"bfloat16", "float16"} else 4)
    free = psutil.virtual_memory().available
    text = (
        f"the adapters are merged on the CPU first: {_gib(size)} of RAM ({_gib(free)} free), and as much in the cache"
    )
    if size < _MARGIN * free:
        return Finding("ok", "merging", text, facts={"bytes": size})
    return Finding("warning", "merging", text, mend="set merge_adapters to false", facts={"bytes": size})


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB" if size >= GIB / 100 else f"{size / 2**20:.1f} MiB"
