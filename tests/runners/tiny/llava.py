"""LLaVA-1.5, LLaVA-LLaMA-3 as xtuner ships it, LLaVA-NeXT, and LLaVA-Med in the original layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.runners.tiny.parts import (
    INST_TEMPLATE,
    LLAMA,
    LLAMA3_TEMPLATE,
    LLAMA3_TEXT_TEMPLATE,
    TEXT,
    VICUNA_TEMPLATE,
    captions,
    fast_tokenizer,
    save,
    special_ids,
)

CLIP = {**TEXT, "model_type": "clip_vision_model", "image_size": 28, "patch_size": 14, "projection_dim": 64}
_FACTS = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}


def llava(folder: Path, *, bare: bool = False) -> None:
    """LLaVA over LLaMA-3; bare: without processor_config.json and with a chat format for text alone."""
    from transformers import LlavaProcessor

    tokenizer = fast_tokenizer(
        bos="<|begin_of_text|>",
        eos="<|end_of_text|>",
        pad="<pad>",
        more=["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>"],
        form="<|begin_of_text|> $A",
    )
    if bare:
        tokenizer.chat_template = LLAMA3_TEXT_TEMPLATE
        save(folder, _network(tokenizer), clip_images(), tokenizer, **special_ids(tokenizer))
        return
    processor = LlavaProcessor(clip_images(), tokenizer, chat_template=LLAMA3_TEMPLATE, **_FACTS)
    save(folder, _network(tokenizer), processor, **special_ids(tokenizer))


def llava_15(folder: Path) -> None:
    """LLaVA-1.5: Vicuna's chat format."""
    from transformers import LlavaProcessor

    tokenizer = fast_tokenizer(bos="<s>", eos="</s>", pad="<pad>", form="<s> $A", more=["<image>"])
    processor = LlavaProcessor(clip_images(), tokenizer, chat_template=VICUNA_TEMPLATE, **_FACTS)
    save(folder, _network(tokenizer), processor, **special_ids(tokenizer))


def llava_next(folder: Path) -> None:
    """LLaVA-NeXT over Mistral: an image is seen whole and in tiles."""
    from transformers import (
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextImageProcessorPil,
        LlavaNextProcessor,
    )

    tokenizer = fast_tokenizer(bos="<s>", eos="</s>", pad="<pad>", form="<s> $A", more=["<image>"])
    grid = [[28, 56], [56, 28], [56, 56]]
    settings = _settings(tokenizer, "mistral")
    model = LlavaNextForConditionalGeneration(LlavaNextConfig(**settings, image_grid_pinpoints=grid))
    images = LlavaNextImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=grid
    )
    processor = LlavaNextProcessor(images, tokenizer, chat_template=INST_TEMPLATE, **_FACTS)
    save(folder, model, processor, **special_ids(tokenizer))


def llava_med(folder: Path, *, tower: bool = True) -> None:
    """LLaVA-Med 1.5 as Microsoft's own program stores it; `tower`: the vision tower's weights are among them.

    The tower's config lies in `clip/` beside; without `tower` its weights lie there too.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionModel, MistralConfig, MistralForCausalLM

    tokenizer_file, size = _sentencepiece(folder)
    text = MistralConfig(**LLAMA, vocab_size=size, sliding_window=None)
    language, vision = MistralForCausalLM(text), CLIPVisionModel(CLIPVisionModel.config_class(**CLIP))
    for module in (language, vision):
        for name, weight in module.named_parameters():
            if weight.ndim >= 2:
                weight.data.mul_(4 if "embed" not in name else 1)
    beside = folder / "clip"
    vision.save_pretrained(beside)
    clip_images().save_pretrained(beside)
    tensors = dict(language.state_dict())
    for layer in ("0", "2"):
        tensors[f"model.mm_projector.{layer}.weight"] = torch.randn(64, 64) * 0.1
        tensors[f"model.mm_projector.{layer}.bias"] = torch.randn(64) * 0.1
    if tower:
        prefix = "model.vision_tower.vision_tower.vision_model."
        tensors |= {prefix + key.removeprefix("vision_model."): value for key, value in vision.state_dict().items()}
        (beside / "model.safetensors").unlink()
    tensors = {key: value.contiguous().clone() for key, value in tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        **json.loads(text.to_json_string()),
        "architectures": ["LlavaMistralForCausalLM"],
        "model_type": "llava_mistral",
        "mm_vision_tower": beside.name,
        "mm_projector_type": "mlp2x_gelu",
        "mm_hidden_size": 64,
        "mm_vision_select_layer": -2,
        "mm_vision_select_feature": "patch",
        "mm_use_im_start_end": False,
        "mm_use_im_patch_token": False,
        "image_aspect_ratio": "pad",
        "use_mm_proj": True,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    told = {**special, "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": True}
    (tokenizer_file.parent / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")


def clip_images() -> Any:
    """CLIP's preprocessing at 28 pixels."""
    from transformers import CLIPImageProcessorPil

    return CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})


def _settings(tokenizer: Any, language: str) -> dict[str, Any]:
    text = {**LLAMA, "model_type": language, **special_ids(tokenizer), "vocab_size": len(tokenizer)}
    return {
        "vision_config": CLIP,
        "text_config": text,
        "image_token_index": tokenizer.convert_tokens_to_ids("<image>"),
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
    }


def _network(tokenizer: Any) -> Any:
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    return LlavaForConditionalGeneration(LlavaConfig(**_settings(tokenizer, "llama")))


def _sentencepiece(folder: Path) -> tuple[Path, int]:
    """A tokenizer.model as LLaMA's and Mistral's are, and its number of tokens."""
    import io

    import sentencepiece

    stored, size = io.BytesIO(), 320
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(captions()),
        model_writer=stored,
        vocab_size=size,
        model_type="bpe",
        byte_fallback=True,
        num_threads=1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    path = folder / "tokenizer.model"
    path.write_bytes(stored.getvalue())
    return path, len(sentencepiece.SentencePieceProcessor(model_proto=stored.getvalue()))
