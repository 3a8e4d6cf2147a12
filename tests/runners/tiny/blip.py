"""BLIP, BLIP-2 and InstructBLIP; the latter two with a decoder (OPT, LLaMA) and with an encoder and decoder (T5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.runners.tiny.parts import LLAMA, TEXT, fast_tokenizer, save, special_ids, word_piece

_VISION = {**TEXT, "image_size": 32, "patch_size": 8, "initializer_range": 0.02}
_T5 = {"model_type": "t5", "d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4}
_QFORMER = {**TEXT, "encoder_hidden_size": 64, "cross_attention_frequency": 1, "max_position_embeddings": 128}
_QUERIES = 4


def blip(folder: Path) -> None:
    """BLIP, whose text half is a BERT that writes."""
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipProcessor

    tokenizer = word_piece()
    vocabulary = tokenizer.get_vocab()
    text = {
        **TEXT,
        "vocab_size": len(vocabulary),
        "encoder_hidden_size": 64,
        "projection_dim": 64,
        "max_position_embeddings": 128,
        "bos_token_id": vocabulary["[DEC]"],
        "eos_token_id": vocabulary["[SEP]"],
        "sep_token_id": vocabulary["[SEP]"],
        "pad_token_id": vocabulary["[PAD]"],
    }
    vision = {**_VISION, "projection_dim": 64}
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    save(folder, model, BlipProcessor(_images(), tokenizer), pad_token_id=0, eos_token_id=vocabulary["[SEP]"])


def blip2(folder: Path) -> None:
    """BLIP-2 over OPT."""
    tokenizer = fast_tokenizer(bos="</s>", eos="</s>", pad="<pad>", form="</s> $A", more=["<image>"])
    text = {**TEXT, "model_type": "opt", "ffn_dim": 128, "word_embed_proj_dim": 64, "max_position_embeddings": 512}
    _blip2(folder, tokenizer, text, hidden_act="relu")


def blip2_t5(folder: Path) -> None:
    """BLIP-2 over T5."""
    tokenizer = fast_tokenizer(bos="<s>", eos="</s>", pad="<pad>", form="$A </s>", more=["<image>"])
    _blip2(folder, tokenizer, {**_T5, "decoder_start_token_id": tokenizer.pad_token_id})


def _blip2(folder: Path, tokenizer: Any, text: dict[str, Any], **more: Any) -> None:
    from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor

    special = special_ids(tokenizer)
    config = Blip2Config(
        vision_config=_VISION,
        qformer_config={**_QFORMER, "vocab_size": 64},
        text_config={**text, **special, "vocab_size": len(tokenizer)},
        num_query_tokens=_QUERIES,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = Blip2Processor(_images(), tokenizer, num_query_tokens=_QUERIES)
    save(folder, Blip2ForConditionalGeneration(config), processor, **_generation(special, text))


def instructblip(folder: Path) -> None:
    """InstructBLIP over LLaMA (Vicuna)."""
    tokenizer = fast_tokenizer(bos="<s>", eos="</s>", pad="<pad>", form="<s> $A", more=["<image>"])
    _instructblip(folder, tokenizer, {**LLAMA, "model_type": "llama"})


def instructblip_t5(folder: Path) -> None:
    """InstructBLIP over T5."""
    tokenizer = fast_tokenizer(bos="<s>", eos="</s>", pad="<pad>", form="$A </s>", more=["<image>"])
    _instructblip(folder, tokenizer, {**_T5, "decoder_start_token_id": tokenizer.pad_token_id})


def _instructblip(folder: Path, tokenizer: Any, text: dict[str, Any]) -> None:
    from transformers import InstructBlipConfig, InstructBlipForConditionalGeneration, InstructBlipProcessor

    special = special_ids(tokenizer)
    asked = word_piece()
    config = InstructBlipConfig(
        vision_config=_VISION,
        qformer_config={**_QFORMER, "vocab_size": len(asked)},
        text_config={**text, **special, "vocab_size": len(tokenizer)},
        num_query_tokens=_QUERIES,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = InstructBlipProcessor(_images(), tokenizer, asked, num_query_tokens=_QUERIES)
    save(folder, InstructBlipForConditionalGeneration(config), processor, **_generation(special, text))


def _generation(special: dict[str, int], text: dict[str, Any]) -> dict[str, int]:
    start = {key: text[key] for key in ("decoder_start_token_id",) if key in text}
    return {**special, **start}


def _images() -> Any:
    from transformers import BlipImageProcessorPil

    return BlipImageProcessorPil(size={"height": 32, "width": 32})
