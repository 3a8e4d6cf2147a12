"""PaliGemma, which continues a short task prompt, and Gemma3 (MedGemma), which chats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.runners.tiny.parts import GEMMA_TEMPLATE, LLAMA, TEXT, fast_tokenizer, save, special_ids

_SIGLIP = {**TEXT, "image_size": 28, "patch_size": 7, "projection_dim": 64, "vision_use_head": False}


def paligemma(folder: Path) -> None:
    """PaliGemma: SigLIP and Gemma, the image's tokens before the prompt."""
    from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration, PaliGemmaProcessor

    tokenizer = fast_tokenizer(bos="<bos>", eos="<eos>", pad="<pad>", image_token="<image>")
    images = _siglip()
    images.image_seq_length = 16
    processor = PaliGemmaProcessor(images, tokenizer)
    special = special_ids(tokenizer)
    config = PaliGemmaConfig(
        vision_config=_SIGLIP,
        text_config={**LLAMA, "model_type": "gemma", "head_dim": 16, "vocab_size": len(tokenizer), **special},
        image_token_index=tokenizer.image_token_id,
        projection_dim=64,
        vocab_size=len(tokenizer),
    )
    save(folder, PaliGemmaForConditionalGeneration(config), processor, **special)


def gemma3(folder: Path) -> None:
    """Gemma3: SigLIP's tokens pooled, attention in windows."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3ImageProcessorPil, Gemma3Processor

    tokenizer = fast_tokenizer(
        bos="<bos>",
        eos="<eos>",
        pad="<pad>",
        more=["<start_of_turn>", "<end_of_turn>"],
        form="<bos> $A",
        boi_token="<start_of_image>",
        eoi_token="<end_of_image>",
        image_token="<image_soft_token>",
    )
    images = Gemma3ImageProcessorPil(size={"height": 28, "width": 28})
    processor = Gemma3Processor(images, tokenizer, chat_template=GEMMA_TEMPLATE, image_seq_length=4)
    special = special_ids(tokenizer)
    config = Gemma3Config(
        vision_config=_SIGLIP,
        text_config={**LLAMA, "head_dim": 16, "vocab_size": len(tokenizer), "sliding_window": 64, **special},
        mm_tokens_per_image=4,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
    )
    model = Gemma3ForConditionalGeneration(config)
    # Zeros at birth: the image would not be heard.
    model.model.multi_modal_projector.mm_input_projection_weight.data.normal_(std=0.1)
    save(folder, model, processor, **special)


def _siglip() -> Any:
    from transformers import SiglipImageProcessorPil

    return SiglipImageProcessorPil(size={"height": 28, "width": 28})
