"""InternVL, SmolVLM and Idefics3: an image is cut into tiles, each of which takes tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.runners.tiny.parts import CHATML_TEMPLATE, IDEFICS_TEMPLATE, LLAMA, TEXT, fast_tokenizer, save, special_ids


def internvl(folder: Path) -> None:
    """InternVL over Qwen2."""
    from transformers import GotOcr2ImageProcessorPil, InternVLConfig, InternVLForConditionalGeneration

    tokenizer = fast_tokenizer(
        bos="<|endoftext|>",
        eos="<|im_end|>",
        pad="<|endoftext|>",
        more=["<|im_start|>"],
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    tokenizer.chat_template = CHATML_TEMPLATE.replace("IMAGE", "<IMG_CONTEXT>\n")
    special = special_ids(tokenizer)
    config = InternVLConfig(
        vision_config={**TEXT, "image_size": [28, 28], "patch_size": [7, 7], "model_type": "internvl_vision"},
        text_config={**LLAMA, "model_type": "qwen2", "vocab_size": len(tokenizer), **special},
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=4,
        downsample_ratio=0.5,
    )
    images = GotOcr2ImageProcessorPil(
        size={"height": 28, "width": 28}, crop_to_patches=True, min_patches=1, max_patches=3
    )
    save(folder, InternVLForConditionalGeneration(config), images, tokenizer, **special)
    _write_processor(folder, "InternVLProcessor", image_seq_length=4)


def smolvlm(folder: Path) -> None:
    """SmolVLM."""
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration, SmolVLMImageProcessorPil

    tokenizer, settings = _idefics()
    images = SmolVLMImageProcessorPil(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    model = SmolVLMForConditionalGeneration(SmolVLMConfig(**settings))
    save(folder, model, images, tokenizer, **special_ids(tokenizer))
    _write_processor(folder, "SmolVLMProcessor", image_seq_len=4)


def idefics3(folder: Path) -> None:
    """Idefics3."""
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
        Idefics3Processor,
    )

    tokenizer, settings = _idefics()
    images = Idefics3ImageProcessorPil(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    model = Idefics3ForConditionalGeneration(Idefics3Config(**settings))
    processor = Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=IDEFICS_TEMPLATE)
    save(folder, model, processor, **special_ids(tokenizer))


def _idefics() -> tuple[Any, dict[str, Any]]:
    cells = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    tokenizer = fast_tokenizer(
        bos="<|im_start|>",
        eos="<end_of_utterance>",
        pad="<|im_end|>",
        more=["<fake_token_around_image>", "<image>", "<global-img>", *cells],
    )
    tokenizer.chat_template = IDEFICS_TEMPLATE
    special = special_ids(tokenizer)
    settings = {
        "vision_config": {**TEXT, "image_size": 28, "patch_size": 7},
        "text_config": {**LLAMA, "model_type": "llama", "vocab_size": len(tokenizer), **special},
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        "scale_factor": 2,
        "pad_token_id": special["pad_token_id"],
    }
    return tokenizer, settings


def _write_processor(folder: Path, kind: str, **settings: Any) -> None:
    """processor_config.json by hand: the processor itself needs torchvision, for its video half."""
    import json

    path = folder / "processor_config.json"
    path.write_text(json.dumps({"processor_class": kind, **settings}), encoding="utf-8")
