"""A network without weights: built from config.json alone, in a second and a few megabytes, whatever its size.

network = empty_network(folder)          # on torch's meta device: names, shapes and classes, no numbers
network.num_parameters()                 # exact
image_tokens(network, inputs)            # what the vision tower makes of one image
fit_adapters(network, family, adapters, base="...")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from runners.checkpoints import Checkpoint
from runners.config import Adapter
from runners.models.adapters import apply_adapters
from runners.models.families import Family
from runners.models.image_tokens import expected_image_tokens
from runners.models.noise import silence
from tasks.nouns import InputError

_WORK = 5e11
"""Floating-point operations that are worth a look at one image's tokens; some ten seconds of one core."""


def empty_network(folder: Path, *, dtype: torch.dtype | None = None, trust_remote_code: bool = False) -> Any:
    """The network of `folder`/config.json on the meta device, in `dtype` (None: as stored).

    InputError when transformers has none for it.
    """
    silence()
    from transformers import AutoConfig, AutoModelForImageTextToText, GenerationConfig

    import runners.models.efficientnet_lite  # noqa: F401 - makes it known to transformers

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            network = AutoModelForImageTextToText.from_config(
                config, trust_remote_code=trust_remote_code, **({} if dtype is None else {"dtype": dtype})
            )
        if (folder / "generation_config.json").is_file():
            network.generation_config = GenerationConfig.from_pretrained(folder)
    except (OSError, ValueError, ImportError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise InputError(
            f"{folder}: no image-text-to-text model can be built from its config.json: "
            f"{str(error).strip().partition(chr(10))[0]}\n  `imageclef models list` names the families that work; the "
            "model may be one of text alone, or of a newer transformers, or its file damaged"
        ) from error
    return network


def features_of(network: Any, inputs: Mapping[str, Any]) -> int | None:
    """How many vectors the network makes of the images in `inputs`.

    None: it does not say (BLIP looks at the image by cross-attention), or trying would take too long. RuntimeError,
    ValueError, IndexError or TypeError when it cannot take these inputs at all. May change `network` as
    `fit_adapters` does.
    """
    try:
        return expected_image_tokens(network, inputs)
    except (RuntimeError, NotImplementedError, ValueError, TypeError, IndexError):
        pass  # some families look at values, which a tensor on the meta device does not have
    parameters = sum(p.numel() for name, p in network.named_parameters() if "vis" in name)
    patches = count_patches(network.config, inputs["pixel_values"])
    return expected_image_tokens(_hollow(network), inputs) if 2 * parameters * patches < _WORK else None


def count_patches(config: Any, pixels: torch.Tensor) -> int:
    """How many patches `pixels` (as a processor gives them, flat or images) are cut into."""
    vision = getattr(config, "vision_config", None) or getattr(config, "encoder", None)
    side = getattr(vision, "patch_stride", None) or getattr(vision, "patch_size", None) or 16
    side = side if isinstance(side, int) else side[0]
    return int(pixels.numel() // (3 * getattr(vision, "temporal_patch_size", 1) * side * side))


def fit_adapters(
    network: Any, family: Family, adapters: Sequence[tuple[Adapter, Checkpoint]], *, base: str
) -> list[dict[str, Any]]:
    """One report for each adapter, as a run would give it; InputError when one does not fit or changes nothing.

    Changes `network`: its weights become zeros that take no memory, and the adapters lie on it.
    """
    hollow = _hollow(network)
    _, reports = apply_adapters(hollow, family, adapters, base=base, probe=lambda: _added(hollow))
    return reports


def _hollow(network: Any) -> Any:
    """`network`, in place, on the CPU: each tensor is one zero, seen as often as its shape asks."""
    seen: dict[int, torch.Tensor] = {}

    def fill(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.device.type != "meta":
            return tensor
        zeros = torch.zeros((), dtype=torch.float32 if tensor.is_floating_point() else tensor.dtype)
        shown = zeros.expand(tensor.shape)
        return nn.Parameter(shown, requires_grad=False) if isinstance(tensor, nn.Parameter) else shown

    for module in network.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    seen.setdefault(id(tensor), fill(tensor))
                    tensors[name] = seen[id(tensor)]
    return network


def _added(network: Any) -> torch.Tensor:
    """For each adapted module, a bound on what its active adapter adds: 0 where a LoRA matrix was never trained."""
    bounds = [torch.zeros(())]
    for module in network.modules():
        active = [] if getattr(module, "disable_adapters", True) else list(module.active_adapters)
        for name in active:
            for first, second in (("lora_A", "lora_B"), ("lora_embedding_A", "lora_embedding_B")):
                if name in (a := getattr(module, first, {})) and name in (b := getattr(module, second, {})):
                    bounds.append(_largest(a[name]) * _largest(b[name]) * module.scaling[name])
            if name in (saved := getattr(module, "modules_to_save", None) or {}):
                bounds.append(_largest(saved[name]))
    return torch.stack(bounds).sum()


def _largest(part: Any) -> torch.Tensor:
    tensors = [part] if isinstance(part, torch.Tensor) else list(part.parameters())
    return max(tensor.detach().abs().max().float().cpu() for tensor in tensors)
