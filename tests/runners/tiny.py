"""Tiny checkpoints with random weights that load exactly like the real ones, built in a second, without network.

    python -m tests.runners.tiny qwen2_5_vl /tmp/tiny-qwen
    imageclef run configs/caption_prediction/sample.yaml --set model.name=/tmp/tiny-qwen --set adapters=[]

One second-hand detail of each family is kept: LLaVA speaks the LLaMA-3 chat format, `llava_bare` ships like
xtuner/llava-llama-3-8b-v1_1-transformers (a chat format for text alone, no processor_config.json), Qwen pads its
vocabulary of special tokens. What the models write is nonsense; the same family is the same bytes every time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

LLAMA3_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
LLAMA3_TEXT_TEMPLATE = (
    "{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim "
    "+ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_TOKENS = (
    *(
        "<|im_start|>",
        "<|im_end|>",
        "<|object_ref_start|>",
        "<|object_ref_end|>",
        "<|box_start|>",
        "<|box_end|>",
    ),
    *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
_WORDS = (
    ("chest x-ray", "axial ct of the abdomen", "mri of the brain", "ultrasound of the liver"),
    ("shows", "demonstrates", "reveals"),
    ("a small", "a large", "no"),
    ("left", "right", "bilateral"),
    ("pleural effusion", "nodule", "fracture", "mass", "cardiomegaly"),
)
_TEXT = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}


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

    from runners.models.families import family_of

    network = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
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


def _captions() -> list[str]:
    return [" ".join(words) + "." for words in product(*_WORDS)]


def _byte_level_bpe() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        _captions(), trainers.BpeTrainer(vocab_size=512, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


def _save(folder: Path, model: Any, *parts: Any, **generation: Any) -> None:
    from transformers import GenerationConfig

    # Random output weights of the usual size all but ignore the image; larger ones let it be heard.
    for name, weight in model.named_parameters():
        if weight.ndim >= 2:
            weight.data.mul_(4 if "embed" not in name else 1)
    model.generation_config = GenerationConfig(**generation)
    model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)


def _blip(folder: Path) -> None:
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
        BlipProcessor,
    )

    # Written by hand: training a WordPiece vocabulary gives another one each time.
    words = sorted({w for caption in _captions() for w in caption.rstrip(".").replace("-", " ").split()})
    letters = [mark + chr(c) for mark in ("", "##") for c in range(ord("a"), ord("z") + 1)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", ".", "-", *letters, *words]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = BertTokenizer(vocab=vocabulary, bos_token="[DEC]", additional_special_tokens=["[ENC]"])
    text = {
        **_TEXT,
        "vocab_size": len(vocabulary),
        "encoder_hidden_size": 64,
        "projection_dim": 64,
        "max_position_embeddings": 128,
        "bos_token_id": vocabulary["[DEC]"],
        "eos_token_id": vocabulary["[SEP]"],
        "sep_token_id": vocabulary["[SEP]"],
        "pad_token_id": vocabulary["[PAD]"],
    }
    vision = {**_TEXT, "image_size": 32, "patch_size": 8, "projection_dim": 64, "initializer_range": 0.02}
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    images = BlipImageProcessorPil(size={"height": 32, "width": 32})
    _save(folder, model, BlipProcessor(images, tokenizer), pad_token_id=0, eos_token_id=vocabulary["[SEP]"])


def _llava(folder: Path, *, bare: bool = False) -> None:
    from tokenizers.processors import TemplateProcessing
    from transformers import (
        CLIPImageProcessorPil,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    special = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>"]
    bpe = _byte_level_bpe()
    bpe.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<pad>", *special])
    begin = ("<|begin_of_text|>", bpe.token_to_id("<|begin_of_text|>"))
    bpe.post_processor = TemplateProcessing(single=f"{begin[0]} $A", special_tokens=[begin])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|begin_of_text|>",
        eos_token="<|end_of_text|>",
        pad_token="<pad>",
        additional_special_tokens=special,
    )
    ids = dict(
        zip(
            ("bos", "eos", "pad", "image"),
            _ids(tokenizer, begin[0], "<|end_of_text|>", "<pad>", "<image>"),
            strict=True,
        )
    )
    config = LlavaConfig(
        vision_config={**_TEXT, "model_type": "clip_vision_model", "image_size": 28, "patch_size": 14},
        text_config={
            **_TEXT,
            "model_type": "llama",
            "num_key_value_heads": 2,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 512,
            "bos_token_id": ids["bos"],
            "eos_token_id": ids["eos"],
            "pad_token_id": ids["pad"],
        },
        image_token_index=ids["image"],
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    images = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    model = LlavaForConditionalGeneration(config)
    generation = {"bos_token_id": ids["bos"], "eos_token_id": ids["eos"], "pad_token_id": ids["pad"]}
    if bare:
        tokenizer.chat_template = LLAMA3_TEXT_TEMPLATE
        _save(folder, model, images, tokenizer, **generation)
        return
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAMA3_TEMPLATE,
    )
    _save(folder, model, processor, **generation)


def _qwen(folder: Path, *, config: str, model: str, vision: Mapping[str, Any]) -> None:
    import transformers
    from transformers import Qwen2Tokenizer, Qwen2VLImageProcessorPil

    trained = json.loads(_byte_level_bpe().to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in trained["merges"]]
    tokenizer = Qwen2Tokenizer(
        vocab=trained["vocab"],
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(QWEN_TOKENS),
    )
    tokenizer.chat_template = QWEN_TEMPLATE
    end, pad, start, stop, image, video = _ids(
        tokenizer,
        *(
            "<|im_end|>",
            "<|endoftext|>",
            "<|vision_start|>",
            "<|vision_end|>",
            "<|image_pad|>",
            "<|video_pad|>",
        ),
    )
    settings = getattr(transformers, config)(
        text_config={
            **_TEXT,
            "num_key_value_heads": 2,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 512,
            "bos_token_id": pad,
            "eos_token_id": end,
            "pad_token_id": pad,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        },
        vision_config={"depth": 2, "patch_size": 14, "spatial_merge_size": 2, "num_heads": 2, **vision},
        vision_start_token_id=start,
        vision_end_token_id=stop,
        image_token_id=image,
        video_token_id=video,
    )
    images = Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=16 * 28 * 28)
    # As the real ones do: sampling by default, which a run that asks for greedy answers must override.
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "repetition_penalty": 1.05}
    network = getattr(transformers, model)(settings)
    _save(folder, network, images, tokenizer, eos_token_id=[end, pad], pad_token_id=pad, **sampling)


def _ids(tokenizer: Any, *tokens: str) -> list[int]:
    return [int(i) for i in tokenizer.convert_tokens_to_ids(list(tokens))]


FAMILIES: Mapping[str, Callable[[Path], None]] = {
    "blip": _blip,
    "llava": _llava,
    "llava_bare": lambda folder: _llava(folder, bare=True),
    "qwen2_vl": lambda folder: _qwen(
        folder,
        config="Qwen2VLConfig",
        model="Qwen2VLForConditionalGeneration",
        vision={"embed_dim": 64, "hidden_size": 64},
    ),
    "qwen2_5_vl": lambda folder: _qwen(
        folder,
        config="Qwen2_5_VLConfig",
        model="Qwen2_5_VLForConditionalGeneration",
        vision={
            "hidden_size": 64,
            "out_hidden_size": 64,
            "intermediate_size": 128,
            "window_size": 56,
            "fullatt_block_indexes": [1],
        },
    ),
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build a tiny checkpoint with random weights.")
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    print(build(asked.family, asked.folder))
