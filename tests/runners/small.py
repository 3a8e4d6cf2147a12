"""The small model's builder on a tiny random language model: the whole checkpoint without any package's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runners.small_model.build import build_network, build_processor
from tests.runners.tiny.parts import LLAMA, fast_tokenizer, special_ids


def tiny_parts() -> tuple[Any, Any]:
    """A tokenizer and a language model as SmolLM2's are, with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = fast_tokenizer(bos="<|im_start|>", eos="<|im_end|>", pad="<|endoftext|>")
    torch.manual_seed(0)
    config = LlamaConfig(**LLAMA, **special_ids(tokenizer), vocab_size=len(tokenizer), tie_word_embeddings=True)
    return tokenizer, LlamaForCausalLM(config)


def build_tiny(folder: Path) -> Path:
    """Write the tiny checkpoint, EfficientNet-Lite0 with random weights in it, and return the folder."""
    tokenizer, language = tiny_parts()
    processor = build_processor(tokenizer)
    build_network(language, tokenizer, seed=0).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
