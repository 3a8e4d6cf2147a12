"""Checkpoints of full size with random weights, built from their configs: speed and memory are those of the real ones.

    build(SHAPES["qwen2-vl-2b"], folder, device="cuda")            # 4.4 GB in bfloat16, loads like the real one
    build(SHAPES["qwen2-vl-2b"], folder, device="cpu", tiny=True)  # the same steps, two layers of width 64

The tokenizer is a real one with few tokens, the embedding table has the real size. Only tokens that are text can win:
the scores of all others are 0. So no answer ends early, and each is as long as it may be.

Sizes: config.json of Qwen/Qwen2-VL-2B-Instruct and of xtuner/llava-llama-3-8b-v1_1-transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.runners.tiny.parts import CHATML_TEMPLATE, LLAMA3_TEMPLATE, fast_tokenizer, ids, special_ids
from tests.runners.tiny.qwen import qwen_tokenizer

_SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}


@dataclass(frozen=True)
class Shape:
    """A model's size, full and tiny."""

    name: str
    make: Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[Any, list[Any]]]
    """From the sizes of the language and of the vision half: the network, and what is saved beside it."""
    text: Mapping[str, Any]
    vision: Mapping[str, Any]
    tiny_text: Mapping[str, Any]
    tiny_vision: Mapping[str, Any]


def build(shape: Shape, folder: Path, *, device: str, tiny: bool = False) -> Path:
    """Write the checkpoint in bfloat16 into `folder`, unless it is there, and return the folder."""
    import torch

    if (folder / "config.json").exists():
        return folder
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            network, parts = shape.make(
                shape.tiny_text if tiny else shape.text, shape.tiny_vision if tiny else shape.vision
            )
    finally:
        torch.set_default_dtype(before)
    for part in parts:
        part.save_pretrained(folder)
    network.save_pretrained(folder)
    return folder


def _qwen2_vl(text: Mapping[str, Any], vision: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessorPil

    tokenizer = qwen_tokenizer()
    tokenizer.chat_template = CHATML_TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    end, pad, start, stop, image, video = ids(
        tokenizer,
        *("<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
    )
    special = {"bos_token_id": pad, "eos_token_id": end, "pad_token_id": pad}
    config = Qwen2VLConfig(
        text_config={"rms_norm_eps": 1e-6, "tie_word_embeddings": True, **special, **text},
        vision_config={"patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, **vision},
        vision_start_token_id=start,
        vision_end_token_id=stop,
        image_token_id=image,
        video_token_id=video,
        tie_word_embeddings=True,
    )
    images = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=28 * 28 * 16384)
    return _writing_text(Qwen2VLForConditionalGeneration(config), tokenizer), [images, tokenizer]


def _llava(text: Mapping[str, Any], vision: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    from transformers import CLIPImageProcessorPil, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    tokenizer = fast_tokenizer(
        bos="<|begin_of_text|>",
        eos="<|end_of_text|>",
        pad="<pad>",
        more=["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>"],
        form="<|begin_of_text|> $A",
    )
    config = LlavaConfig(
        text_config={"model_type": "llama", "rms_norm_eps": 1e-5, **special_ids(tokenizer), **text},
        vision_config={"model_type": "clip_vision_model", "patch_size": 14, "projection_dim": 768, **vision},
        image_token_index=ids(tokenizer, "<image>")[0],
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    side = int(vision["image_size"])
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAMA3_TEMPLATE,
    )
    return _writing_text(LlavaForConditionalGeneration(config), tokenizer), [processor]


def _writing_text(network: Any, tokenizer: Any) -> Any:
    """The network with a score of 0 for every token that is no text, while the best of the others is above 0."""
    import torch
    from transformers import GenerationConfig

    weight = network.get_output_embeddings().weight
    text = [n for n in range(len(tokenizer)) if n not in tokenizer.all_special_ids and tokenizer.decode([n]).strip()]
    kept = torch.zeros(len(weight), dtype=torch.bool, device=weight.device)
    kept[text] = True
    weight.data[~kept] = 0
    network.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id
    )
    return network


SHAPES: Mapping[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape(
            "qwen2-vl-2b",
            _qwen2_vl,
            text={
                "hidden_size": 1536,
                "num_hidden_layers": 28,
                "num_attention_heads": 12,
                "num_key_value_heads": 2,
                "intermediate_size": 8960,
                "vocab_size": 151936,
                "max_position_embeddings": 32768,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
            },
            vision={"depth": 32, "embed_dim": 1280, "hidden_size": 1536, "num_heads": 16, "mlp_ratio": 4},
            tiny_text={
                **_SMALL,
                "num_key_value_heads": 2,
                "vocab_size": 1024,
                "max_position_embeddings": 4096,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
            },
            tiny_vision={"depth": 2, "embed_dim": 64, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2},
        ),
        Shape(
            "llava-llama-3-8b",
            _llava,
            text={
                "hidden_size": 4096,
                "num_hidden_layers": 32,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "intermediate_size": 14336,
                "vocab_size": 128320,
                "max_position_embeddings": 8192,
                "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
            },
            vision={
                "hidden_size": 1024,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "intermediate_size": 4096,
                "image_size": 336,
            },
            tiny_text={**_SMALL, "num_key_value_heads": 2, "vocab_size": 1024, "max_position_embeddings": 4096},
            tiny_vision={**_SMALL, "image_size": 56},
        ),
    )
}
