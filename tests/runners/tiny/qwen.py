"""Qwen2-VL, Qwen2.5-VL (Lingshu) and Qwen3-VL: any resolution, and sampling in their generation_config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.runners.tiny.parts import CHATML_TEMPLATE, LLAMA, byte_level_bpe, ids, save

TOKENS = (
    *("<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
    *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)


def qwen2_vl(folder: Path) -> None:
    """Qwen2-VL."""
    _qwen(folder, "Qwen2VL", patch=14, vision={"embed_dim": 64, "hidden_size": 64})


def qwen2_5_vl(folder: Path) -> None:
    """Qwen2.5-VL."""
    vision = {
        "hidden_size": 64,
        "out_hidden_size": 64,
        "intermediate_size": 128,
        "window_size": 56,
        "fullatt_block_indexes": [1],
    }
    _qwen(folder, "Qwen2_5_VL", patch=14, vision=vision)


def qwen3_vl(folder: Path) -> None:
    """Qwen3-VL."""
    vision = {
        "depth": 3,
        "hidden_size": 64,
        "out_hidden_size": 64,
        "intermediate_size": 128,
        "deepstack_visual_indexes": [0, 1],
        "num_position_embeddings": 64,
    }
    _qwen(folder, "Qwen3VL", patch=16, vision=vision, head_dim=16)


def qwen_tokenizer() -> Any:
    """Qwen's tokenizer with all its special tokens."""
    from transformers import Qwen2Tokenizer

    trained = json.loads(byte_level_bpe().to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in trained["merges"]]
    return Qwen2Tokenizer(
        vocab=trained["vocab"],
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(TOKENS),
    )


def _qwen(folder: Path, name: str, *, patch: int, vision: Mapping[str, Any], **text: Any) -> None:
    import transformers

    tokenizer = qwen_tokenizer()
    tokenizer.chat_template = CHATML_TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    end, pad, start, stop, image, video = ids(
        tokenizer,
        *("<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
    )
    settings = getattr(transformers, f"{name}Config")(
        text_config={
            **LLAMA,
            **text,
            "vocab_size": len(tokenizer),
            "bos_token_id": pad,
            "eos_token_id": end,
            "pad_token_id": pad,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        },
        vision_config={"depth": 2, "patch_size": patch, "spatial_merge_size": 2, "num_heads": 2, **vision},
        vision_start_token_id=start,
        vision_end_token_id=stop,
        image_token_id=image,
        video_token_id=video,
    )
    side = 2 * patch
    images = transformers.Qwen2VLImageProcessorPil(
        patch_size=patch, min_pixels=side * side, max_pixels=16 * side * side
    )
    # As the real ones do: sampling by default, which a run that asks for greedy answers must override.
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "repetition_penalty": 1.05}
    network = getattr(transformers, f"{name}ForConditionalGeneration")(settings)
    save(folder, network, images, tokenizer, eos_token_id=[end, pad], pad_token_id=pad, **sampling)
