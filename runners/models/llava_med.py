"""LLaVA-Med 1.5, and what else lies in the layout of LLaVA's own program, as a `llava` checkpoint of transformers.

microsoft/llava-med-v1.5-mistral-7b has `model_type: llava_mistral`, which transformers does not know, and other
tensor names; the numbers are those of a `llava` model over Mistral. So names and config are rewritten once, into the
cache, one file of weights at a time; the image token, which LLaVA's program never had, is added to tokenizer and
embeddings. Sources: LLaVA-Med's llava/model (llava_arch.py, builder.py, conversation.py: `mistral_instruct`) and
transformers' convert_llava_weights_to_hf.py.

    loadable(locate("microsoft/llava-med-v1.5-mistral-7b")).path      # ~/.cache/imageclef/converted/1f0c...
    loadable(locate("Qwen/Qwen2-VL-2B-Instruct"))                     # the same checkpoint: nothing to convert
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runners.checkpoints import SMALL_FILES, WEIGHTS, Checkpoint, locate, read_json
from runners.models.derived import derived_folder
from runners.models.families import family_of
from tasks.nouns import InputError

_VERSION = "1"
"""Of this conversion: a copy made by another one is not used."""
_NAMES = {
    "model.vision_tower.vision_tower.": "vision_tower.",
    "model.mm_projector.0.": "multi_modal_projector.linear_1.",
    "model.mm_projector.2.": "multi_modal_projector.linear_2.",
    "vision_model.": "vision_tower.vision_model.",
    # A vision tower saved by transformers 5.
    "embeddings.": "vision_tower.vision_model.embeddings.",
    "encoder.": "vision_tower.vision_model.encoder.",
    "pre_layrnorm.": "vision_tower.vision_model.pre_layrnorm.",
    "post_layernorm.": "vision_tower.vision_model.post_layernorm.",
    "lm_head.": "language_model.lm_head.",
    "model.": "language_model.model.",
}
"""Old prefix -> new prefix, the first that fits."""
_DERIVED = ("rotary_emb.inv_freq", "embeddings.position_ids")
"""Tensors that are computed, not learned; newer versions do not store them."""
_ENDS = ("language_model.model.embed_tokens.weight", "language_model.lm_head.weight")
_NOT_TEXT = ("image_", "tokenizer_", "architectures", "model_type", "auto_map")
"""Keys of config.json, beside those with `mm_`, that say nothing about the language model."""
_IMAGE = "<image>"
_TEMPLATES = {
    "mistral": "[INST] {parts} [/INST]",
    "llama": "USER: {parts} ASSISTANT:",
}
"""How each language model was asked; LLaVA's names are `mistral_instruct` and `vicuna_v1` (without its preamble)."""
_PARTS = (
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}"
)
_TOWERS: Mapping[str, Mapping[str, Any]] = {
    "openai/clip-vit-large-patch14-336": {
        "model_type": "clip_vision_model",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 336,
        "patch_size": 14,
        "projection_dim": 768,
    },
}
"""Vision towers whose config is known, so that nothing is fetched when their weights are in the checkpoint."""


def loadable(base: Checkpoint) -> Checkpoint:
    """`base` as transformers can load it: itself, or its converted copy; InputError says what cannot be converted."""
    config = read_json(base.path / "config.json") if (base.path / "config.json").is_file() else {}
    language = family_of(str(config.get("model_type"))).original
    if language is None:
        return base
    _refuse_unlike(base.path, config)
    tower = _tower(base.path, config)
    origin = [base.identity, tower.identity if tower else "", _VERSION]
    folder = derived_folder("converted", origin, partial(_convert, base.path, config, language=language, tower=tower))
    return Checkpoint(folder, base.identity)


def _refuse_unlike(folder: Path, config: Mapping[str, Any]) -> None:
    """Checkpoints of LLaVA's program that are no LLaVA-1.5 inside."""
    wanted: dict[str, tuple[Any, ...]] = {
        "mm_projector_type": ("mlp2x_gelu",),
        "mm_vision_select_feature": ("patch", None),
        "mm_use_im_start_end": (False, None),
        "image_aspect_ratio": ("pad", "square", None),
    }
    for key, values in wanted.items():
        if config.get(key) not in values:
            raise InputError(
                f"{folder} cannot be converted to transformers' `llava`: its {key} is {config.get(key)!r}, and only "
                f"{values[0]!r} has a counterpart there. Take a copy whose config.json says `model_type: llava` or "
                "`llava_next` (names that end in -hf)"
            )


def _tower(folder: Path, config: Mapping[str, Any]) -> Checkpoint | None:
    """The vision tower when its weights are not in the checkpoint itself."""
    if any(name.startswith("model.vision_tower.") for name in _tensor_names(folder)):
        return None
    name = str(config.get("mm_vision_tower"))
    beside = folder / name
    try:
        return locate(str(beside) if beside.is_dir() else name)
    except InputError as error:
        raise InputError(
            f"{folder} (model type {config['model_type']}) holds a language model and a projector, but not its vision "
            f"tower {name}, which is needed to convert it: {error}"
        ) from error


def _tensor_names(folder: Path) -> list[str]:
    from safetensors import safe_open

    names: list[str] = []
    for file in sorted(folder.glob(WEIGHTS)):
        with safe_open(file, framework="numpy") as opened:
            names += opened.keys()
    return names


def _convert(folder: Path, config: Mapping[str, Any], target: Path, *, language: str, tower: Checkpoint | None) -> None:
    for pattern in SMALL_FILES:
        for path in folder.glob(pattern):
            if path.name.startswith(("tokenizer", "special_tokens", "added_tokens")):
                shutil.copy2(path, target / path.name)
    vision = _vision_config(folder, config, tower)
    (target / "config.json").write_text(json.dumps({"model_type": "llava"}), encoding="utf-8")
    image_token, tokens = _write_processor(folder, config, target, language=language, vision=vision)
    rows = max(int(config["vocab_size"]), tokens)
    _write_config(config, target, language=language, vision=vision, image_token=image_token, rows=rows)
    _write_weights([folder, *([tower.path] if tower else [])], target, rows=rows)


def _vision_config(folder: Path, config: Mapping[str, Any], tower: Checkpoint | None) -> Mapping[str, Any]:
    name = str(config.get("mm_vision_tower"))
    beside = tower.path if tower else folder / name
    if (beside / "config.json").is_file():
        told = read_json(beside / "config.json")
        return {**told.get("vision_config", told), "model_type": "clip_vision_model"}
    if name in _TOWERS:
        return _TOWERS[name]
    raise InputError(
        f"{folder}: nothing is known about its vision tower {name}: fetch it with `hf download {name} --local-dir DIR` "
        "and write DIR into config.json as mm_vision_tower"
    )


def _write_processor(
    folder: Path, config: Mapping[str, Any], target: Path, *, language: str, vision: Mapping[str, Any]
) -> tuple[int, int]:
    """Tokenizer with the image token, image preprocessing, chat template; returns the token and the vocabulary."""
    from transformers import AddedToken, AutoTokenizer, LlavaImageProcessorPil, LlavaProcessor

    if not (target / "tokenizer.json").is_file() and find_spec("sentencepiece") is None:
        raise InputError(
            f"{folder}: its tokenizer is a SentencePiece file, which needs a package that is not installed: "
            "pip install sentencepiece"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(target)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{folder}: its tokenizer cannot be loaded: {error}") from error
    tokenizer.add_tokens([AddedToken(_IMAGE, special=True, normalized=False)])
    side = int(vision["image_size"])
    images = LlavaImageProcessorPil(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        do_pad=config.get("image_aspect_ratio") == "pad",
    )
    form = _TEMPLATES[language].replace("{parts}", _PARTS)
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=int(vision["patch_size"]),
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=f"{{% for m in messages %}}{form}{{% endfor %}}",
    )
    processor.save_pretrained(target)
    return int(tokenizer.convert_tokens_to_ids(_IMAGE)), len(tokenizer)


def _write_config(
    config: Mapping[str, Any], target: Path, *, language: str, vision: Mapping[str, Any], image_token: int, rows: int
) -> None:
    from transformers import AutoConfig, LlavaConfig

    text = {key: value for key, value in config.items() if "mm_" not in key and not key.startswith(_NOT_TEXT)}
    told = LlavaConfig(
        text_config=AutoConfig.for_model(language, **{**text, "vocab_size": rows}).to_dict(),
        vision_config=dict(vision),
        image_token_index=image_token,
        vision_feature_layer=int(config.get("mm_vision_select_layer", -2)),
        vision_feature_select_strategy="default",
        dtype=config.get("dtype") or config.get("torch_dtype"),
    )
    told.save_pretrained(target)
    special = {key: config.get(key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    stored = {key: value for key, value in special.items() if value is not None}
    (target / "generation_config.json").write_text(json.dumps(stored), encoding="utf-8")


def _write_weights(sources: list[Path], target: Path, *, rows: int) -> None:
    """The same tensors under their new names, one file at a time, and the embeddings with `rows` rows."""
    from safetensors.torch import load_file, save_file

    files = [file for source in sources for file in sorted(source.glob(WEIGHTS))]
    places: dict[str, str] = {}
    size = 0
    for number, file in enumerate(files, start=1):
        tensors = {}
        for name, tensor in load_file(file).items():
            renamed = _renamed(name)
            if renamed is not None:
                tensors[renamed] = _with_rows(tensor, rows) if renamed in _ENDS else tensor
        shard = f"model-{number:05}-of-{len(files):05}.safetensors"
        save_file(tensors, target / shard, metadata={"format": "pt"})
        places |= dict.fromkeys(tensors, shard)
        size += sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (target / "model.safetensors.index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


def _renamed(name: str) -> str | None:
    """The new name of a tensor; None for one that has no place: computed ones, CLIP's text half."""
    if name.endswith(_DERIVED):
        return None
    return next((new + name.removeprefix(old) for old, new in _NAMES.items() if name.startswith(old)), None)


def _with_rows(tensor: Any, rows: int) -> Any:
    """An embedding with rows added, each the mean of all: an added token is never the likeliest one to write."""
    import torch

    missing = rows - tensor.shape[0]
    if missing <= 0:
        return tensor
    mean = tensor.float().mean(dim=0, keepdim=True).to(tensor.dtype)
    return torch.cat([tensor, mean.expand(missing, -1)]).contiguous()
