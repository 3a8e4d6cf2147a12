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
