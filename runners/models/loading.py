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
from runners.models.families import Family, family_of, known_families
from runners.models.noise import silence
from runners.models.quantization import quantization_config, quantization_facts, stop_repacking
from tasks.nouns import InputError

_AMPERE = (8, 0)
"""Compute capability from which flash-attn 2 runs, as its README says."""


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


def resolve_dtype(asked: str, device: torch.device, *, key: str = "model.dtype") -> torch.dtype:
    """The precision `auto` stands for on `device`; float16 on a CPU is refused, naming `key`."""
    if asked == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if asked == "float16" and device.type == "cpu":
        raise InputError(
            f"{key}: float16 is for accelerators, on a CPU it overflows and is slow: use float32 or bfloat16"
        )
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[asked]


def attention_implementation(asked: str, device: torch.device, dtype: torch.dtype | None) -> str | None:
    """What transformers is asked for; None, for `auto`, leaves the choice to it: sdpa where the architecture has it.

    InputError when flash_attention_2 is asked for and cannot run here.
    """
    if asked == "auto":
        return None
    if asked == "flash_attention_2":
        from transformers.utils import is_flash_attn_2_available

        reasons = {
            "it needs an NVIDIA card, and model.device is the CPU": device.type != "cuda",
            "it needs a card of compute capability 8.0 (Ampere) or newer": device.type == "cuda"
            and torch.cuda.get_device_capability(device) < _AMPERE,
            "it computes in half precision only: set model.dtype to bfloat16": dtype == torch.float32,
            "the package flash-attn is not installed: pip install flash-attn --no-build-isolation": (
                not is_flash_attn_2_available()
            ),
        }
        if found := [reason for reason, holds in reasons.items() if holds]:
            raise InputError(
                f"model.attention: flash_attention_2: {found[0]}. `auto` takes the fastest that works here; "
                "torch's own sdpa has flash kernels too"
            )
    return asked


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
    attention: str = "auto",
    compute_dtype: str = "auto",
    double_quantization: bool = True,
) -> tuple[Any, dict[str, Any]]:
    """The network in `folder` in eval mode, and facts about it; `dtype` None: as stored.

    `attention`, `compute_dtype` and `double_quantization` are those of the config.
    """
    silence()
    from transformers import AutoModelForImageTextToText

    import runners.models.efficientnet_lite  # noqa: F401 - makes it known to transformers

    family, config = read_family(folder)
    if (file := folder / "generation_config.json").is_file():
        read_json(file)  # transformers passes over a torn one, and the tokens that end an answer are lost
    if quantization != "none" and "quantization_config" in config:
        raise InputError(f"{folder} is stored quantized already: set quantization to none")
    asked_attention = attention_implementation(attention, device, dtype)
    computing = dtype or torch.float32
    if compute_dtype != "auto":
        computing = resolve_dtype(compute_dtype, device, key="model.compute_dtype")
    try:
        network, info = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype or "auto",
            device_map={"": device},
            quantization_config=quantization_config(
                quantization, family, computing, double_quantization=double_quantization
            ),
            attn_implementation=asked_attention,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
    except (OSError, ValueError, ImportError, RuntimeError, MemoryError, TypeError, KeyError, AttributeError) as error:
        raise InputError(_why_not_loaded(error, folder, config, device, attention)) from error
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
        **quantization_facts(network, quantization),
        "parameters": int(network.num_parameters()),
        "unused_weights": len(info["unexpected_keys"]),
        "attention": str(network.config._attn_implementation),
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


def _why_not_loaded(
    error: Exception, folder: Path, config: dict[str, Any], device: torch.device, attention: str
) -> str:
    kind = config.get("model_type")
    if is_out_of_memory(error):
        return f"{folder} does not fit into the memory of {device}: set quantization to nf4, or use another device"
    if "auto_map" in config and "trust_remote_code" in str(error):
        return (
            f"{folder} ({kind}) brings its own code, which is not run unless you say so: read its *.py files, then "
            "set model.trust_remote_code to true"
        )
    if attention != "auto" and "attention" in str(error):
        return f"model.attention: {kind} has no {attention}: set it to auto, which takes what the architecture has"
    if "ignore_mismatched_sizes" in str(error):
        return (
            f"{folder} ({kind}): shapes in the weights and in config.json differ: the files are of two models or "
            "versions: fetch them again"
        )
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"{folder} ({kind}) cannot be loaded as an image-text-to-text model: {reason}\n  Known to work: "
        f"{', '.join(known_families())} and what else transformers lists under AutoModelForImageTextToText"
    )
