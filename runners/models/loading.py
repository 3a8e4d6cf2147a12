"""A network from a folder: where it runs, in which precision, complete, and with a message when that fails."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from runners.checkpoints import read_json
from runners.models import is_out_of_memory
from runners.models.families import Family, family_of
from runners.models.noise import silence
from runners.models.quantization import quantization_config, quantized_modules, stop_repacking
from tasks.nouns import InputError

_CPU_BATCH = 8
_MEMORY_PER_IMAGE = 1.5 * 2**30
"""Accelerator memory one image of an 8B model takes while it is answered; a guess the run corrects by halving."""


def resolve_device(asked: str) -> torch.device:
    """The device `auto`, `cpu`, `cuda` or `cuda:1` stands for."""
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(asked)
    except RuntimeError:
        device = None
    if device is None or device.type not in {"cpu", "cuda"}:
        raise InputError(f"model.device: '{asked}' is no device to run on: use auto, cpu, cuda or cuda:<number>")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise InputError(f"model.device: '{asked}' is not here ({count} CUDA devices are): use auto or cpu")
        return torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
    return device


def resolve_dtype(asked: str, device: torch.device) -> torch.dtype:
    """The precision `auto` stands for on `device`; float16 on a CPU is refused."""
    if asked == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if asked == "float16" and device.type == "cpu":
        raise InputError(
            "model.dtype: float16 is for accelerators, on a CPU it overflows and is slow: use float32 or bfloat16"
        )
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[asked]


def leave_a_core() -> int:
    """Give the network all cores but one on a CPU, unless OMP_NUM_THREADS says otherwise; returns their number.

    The images are decoded meanwhile, and threads that wait for a busy core spin: two on two cores of which one is
    taken were measured 30 times slower than one.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    return torch.get_num_threads()


def read_family(folder: Path) -> tuple[Family, dict[str, Any]]:
    """The family and the raw config of a model folder."""
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder} has no config.json, so it is no model"
            + (
                ": it is an adapter, which goes under `adapters`, and its base model under model.name"
                if (folder / "adapter_config.json").is_file()
                else ""
            )
        )
    config = read_json(folder / "config.json")
    return family_of(str(config.get("model_type"))), config


def load_network(
    folder: Path,
    *,
    quantization: str,
    device: torch.device,
    dtype: torch.dtype | None,
    trust_remote_code: bool,
) -> tuple[Any, dict[str, Any]]:
    """The network in `folder` in eval mode, and facts about it; `dtype` None: as stored."""
    silence()
    from transformers import AutoModelForImageTextToText

    family, config = read_family(folder)
    if quantization != "none" and "quantization_config" in config:
        raise InputError(f"{folder} is stored quantized already: set quantization to none")
    try:
        network, info = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype or "auto",
            device_map={"": device},
            quantization_config=quantization_config(quantization, family, dtype or torch.float32),
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
    except (OSError, ValueError, ImportError, RuntimeError, MemoryError) as error:
        raise InputError(_why_not_loaded(error, folder, config, device)) from error
    if missing := sorted(info["missing_keys"]):
        raise InputError(
            f"{folder}: {len(missing)} weights of {type(network).__name__} are missing, so they would be random: "
            f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}\n  The file belongs to another architecture "
            "or is incomplete: fetch it again"
        )
    stop_repacking(network)
    network.eval().requires_grad_(requires_grad=False)
    return network, {
        "architecture": type(network).__name__,
        "model_type": family.model_type,
        "family_known": family.known,
        "dtype": str(network.dtype).removeprefix("torch."),
        "device": str(device),
        "threads": leave_a_core() if device.type == "cpu" else None,
        "quantization": quantization,
        "quantized_modules": len(quantized_modules(network)),
        "parameters": int(network.num_parameters()),
        "unused_weights": len(info["unexpected_keys"]),
        "attention": str(network.config._attn_implementation),
        "default_batch_size": _default_batch_size(device, network),
    }


def noise_image(size: int = 96) -> Image.Image:
    """A fixed image of grey noise, the question every probe asks about."""
    return Image.frombytes("L", (size, size), random.Random(0).randbytes(size * size)).convert("RGB")


def forward(network: Any, inputs: Any) -> torch.Tensor:
    """The network's logits; InputError when image tokens and image features do not match."""
    try:
        with torch.inference_mode():
            logits: torch.Tensor = network(**inputs.to(network.device, network.dtype)).logits
    except (ValueError, RuntimeError, IndexError) as error:
        if is_out_of_memory(error) or "image" not in str(error).lower():
            raise
        raise InputError(
            f"the processor and the model do not agree about one image: {error}\n  Compare patch_size, "
            "vision_feature_select_strategy and image size in *processor_config.json with config.json: the "
            "processor files of another model, or of another version of this one, lie beside the weights"
        ) from error
    return logits.float().cpu()


def _default_batch_size(device: torch.device, network: Any) -> int:
    if device.type != "cuda":
        return _CPU_BATCH
    # From the whole memory, not from what is free today, so that a resumed run forms the same batches.
    free = torch.cuda.get_device_properties(device).total_memory - network.get_memory_footprint()
    fitting = max(1, int(free / _MEMORY_PER_IMAGE))
    return min(32, 1 << (fitting.bit_length() - 1))


def _why_not_loaded(error: Exception, folder: Path, config: dict[str, Any], device: torch.device) -> str:
    kind = config.get("model_type")
    if is_out_of_memory(error):
        return f"{folder} does not fit into the memory of {device}: set quantization to nf4, or use another device"
    if "auto_map" in config and "trust_remote_code" in str(error):
        return (
            f"{folder} ({kind}) brings its own code, which is not run unless you say so: read its *.py files, then "
            "set model.trust_remote_code to true"
        )
    return (
        f"{folder} ({kind}) cannot be loaded as an image-text-to-text model: {error}\n  Known to work: blip, llava, "
        "qwen2_vl, qwen2_5_vl and what else transformers lists under AutoModelForImageTextToText"
    )
