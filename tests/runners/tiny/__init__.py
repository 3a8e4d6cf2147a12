"""Tiny checkpoints with random weights that load exactly like the real ones, built in a second, without network.

    python -m tests.runners.tiny qwen2_5_vl build/tiny-qwen
    imageclef run configs/caption_prediction/sample.yaml --set model.name=build/tiny-qwen --set adapters=[]

One second-hand detail of each family is kept: `llava` speaks the LLaMA-3 chat format, `llava_bare` ships like
xtuner/llava-llama-3-8b-v1_1-transformers (a chat format for text alone, no processor_config.json), Qwen pads its
vocabulary of special tokens. What the models write is nonsense; the same family is the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.runners.tiny import blip, encoder_decoder, gemma, llava, qwen, tiled

FAMILIES: Mapping[str, Callable[[Path], None]] = {
    "blip": blip.blip,
    "blip-2": blip.blip2,
    "blip-2_t5": blip.blip2_t5,
    "instructblip": blip.instructblip,
    "instructblip_t5": blip.instructblip_t5,
    "llava": llava.llava,
    "llava_bare": partial(llava.llava, bare=True),
    "llava_15": llava.llava_15,
    "llava_next": llava.llava_next,
    "llava_med": llava.llava_med,
    "qwen2_vl": qwen.qwen2_vl,
    "qwen2_5_vl": qwen.qwen2_5_vl,
    "qwen3_vl": qwen.qwen3_vl,
    "internvl": tiled.internvl,
    "smolvlm": tiled.smolvlm,
    "idefics3": tiled.idefics3,
    "paligemma": gemma.paligemma,
    "gemma3": gemma.gemma3,
    "florence2": encoder_decoder.florence2,
    "vision-encoder-decoder": encoder_decoder.vision_encoder_decoder,
}
"""Name -> what writes the checkpoint into a folder: `model_type`, and for some what sets this one apart."""


def build(family: str, folder: Path) -> Path:
    """Write the tiny checkpoint of `family` (a key of `FAMILIES`) into `folder` and return the folder."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        FAMILIES[family](folder)
    return folder


def build_adapter(base: Path, folder: Path, *, seed: int = 0, parts: Sequence[str] = (), **lora: Any) -> Path:
    """Write a random LoRA adapter for `base` into `folder`; `parts` (vision, projector, language), empty: all."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    from runners.checkpoints import locate
    from runners.models.families import family_of
    from runners.models.llava_med import loadable

    folder_of_base = loadable(locate(str(base))).path
    network = AutoModelForImageTextToText.from_pretrained(folder_of_base, dtype=torch.float32)
    patterns = family_of(network.config.model_type).lora
    targets = "|".join(pattern for part, pattern in patterns.items() if part in (parts or patterns))
    config = LoraConfig(**{"r": 4, "lora_alpha": 8, "target_modules": targets, **lora})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapter = get_peft_model(network, config)
        for name, weight in adapter.named_parameters():
            if "lora_B" in name or "modules_to_save" in name:
                weight.data += torch.randn_like(weight) * 0.05
    adapter.save_pretrained(folder)
    return folder
