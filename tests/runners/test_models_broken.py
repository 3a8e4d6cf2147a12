"""Checkpoints and settings that cannot work get a message before anything heavy starts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.nouns import InputError
from tests.runners.asking import PROMPTS, answer, edit, load, pictures

Build = Callable[[str], Path]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": {"device": "cuda:99"}}, "is not here"),
        ({"model": {"device": "gpu"}}, "is no device"),
        ({"model": {"device": "meta"}}, "is no device"),
        ({"model": {"dtype": "float16", "device": "cpu"}}, "float16"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str, tiny: Build) -> None:
    with pytest.raises(InputError, match=message):
        load(tiny("llava"), **settings)


def test_broken_checkpoints_get_a_message(tiny: Build, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    def copy(name: str) -> Path:
        return Path(shutil.copytree(tiny("llava"), tmp_path / name))

    unknown = copy("unknown")
    edit(unknown / "config.json", model_type="flamingo9")
    with pytest.raises(InputError, match="flamingo9"):
        load(unknown)

    coded = copy("coded")
    edit(coded / "config.json", model_type="own_vlm", auto_map={"AutoConfig": "own.OwnConfig"})
    with pytest.raises(InputError, match="trust_remote_code"):
        load(coded)

    missing = copy("missing")
    tensors = load_file(missing / "model.safetensors")
    tensors.pop(next(name for name in tensors if "q_proj" in name))
    save_file(tensors, missing / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"1 weights .* missing"):
        load(missing)

    untokenized = copy("untokenized")
    for file in untokenized.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(InputError, match=r"tokenizer\*"):
        load(untokenized)

    sized = copy("sized")
    processor = json.loads((sized / "processor_config.json").read_text(encoding="utf-8"))
    processor["image_processor"] |= {"crop_size": {"height": 56, "width": 56}, "size": {"shortest_edge": 56}}
    (sized / "processor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    with pytest.raises(InputError, match="do not agree about one image"):
        load(sized)


@pytest.mark.parametrize("family", ["blip", "blip-2", "instructblip", "florence2", "qwen2_vl", "internvl", "gemma3"])
def test_a_tokenizer_that_is_missing_is_not_replaced_by_an_empty_one(family: str, tiny: Build, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny(family), tmp_path / "base"))
    for file in base.rglob("tokenizer*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(InputError, match=r"copy tokenizer\*"):
        load(base)


def test_processor_files_of_another_kind_are_refused(tiny: Build, tmp_path: Path) -> None:
    torn = Path(shutil.copytree(tiny("llava"), tmp_path / "torn"))
    (torn / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="its processor cannot be loaded"):
        load(torn)
    mixed = Path(shutil.copytree(tiny("llava"), tmp_path / "mixed"))
    for file in tiny("qwen2_vl").glob("tokenizer*"):
        shutil.copy(file, mixed)
    with pytest.raises(InputError, match="its tokenizer has no image token <image>"):
        load(mixed)
    halved = Path(shutil.copytree(tiny("instructblip"), tmp_path / "halved"))
    shutil.rmtree(halved / "qformer_tokenizer")
    with pytest.raises(InputError, match="lacks the folder qformer_tokenizer"):
        load(halved)


def test_an_end_that_is_no_token_is_refused(tiny: Build, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny("llava"), tmp_path / "base"))
    edit(base / "generation_config.json", eos_token_id="</s>")
    with pytest.raises(InputError, match=r"generation_config\.json: its eos_token_id '</s>' is no token"):
        load(base)


@pytest.mark.parametrize("family", ["llava", "paligemma"])
def test_a_prompt_with_two_image_tokens_stops_before_the_first_image(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    with pytest.raises(InputError, match="holds the image token <image> 2 times"):
        model.prepare(pictures()[:1], ["<image><image> Why?"])


def test_a_quantized_checkpoint_is_not_quantized_again(tiny: Build, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny("llava"), tmp_path / "base"))
    edit(base / "config.json", quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True})
    with pytest.raises(InputError, match="already"):
        load(base, quantization="nf4")


def test_nf4_can_be_merged_and_trained_after_it_answered(tiny: Build) -> None:
    """bitsandbytes would repack the weights at the first forward: merging is garbage then, training fails."""
    from peft import LoraConfig, get_peft_model

    model = load(tiny("llava"), quantization="nf4")
    answer(model, 5)
    targets = model.family.lora["language"]
    adapter = get_peft_model(model.network, LoraConfig(r=4, target_modules=targets, init_lora_weights=False))
    before = model._probe()
    adapter.train()
    [(_, inputs)] = model.prepare(pictures()[:1], PROMPTS[:1]).parts
    adapter(**inputs).logits.sum().backward()
    model.network = adapter.eval().merge_and_unload()
    assert float((model._probe() - before).std() / before.std()) < 0.5
