"""Every family: loads, answers, and answers the same whatever its company in the batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from runners.checkpoints import locate
from tests.runners.asking import PROMPTS, answer, load, pictures
from tests.runners.tiny import FAMILIES, build

Build = Callable[[str], Path]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_answers_as_one_by_one(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    together = answer(model, 3)
    assert together == answer(model, 1) == answer(model, 5)
    assert len(set(together)) > 2, "the answers do not depend on the question"
    tokenizer = model.processor.tokenizer
    assert not any(token in str(text) for text in together for token in tokenizer.all_special_tokens)
    assert not any("Describe" in str(text) or "assistant" in str(text) for text in together)
    assert model.facts["batch_invariant"] is True
    assert model.facts["family_known"] is True


@pytest.mark.parametrize("family", FAMILIES)
def test_beams_do_not_mix_rows(family: str, tiny: Build) -> None:
    model = load(tiny(family), generation={"num_beams": 3, "no_repeat_ngram_size": 3})
    assert answer(model, 5) == answer(model, 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_image_is_seen(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    seen = []
    for level in ("black", "white"):
        [(_, inputs)] = model.prepare([Image.new("RGB", (32, 32), level)], ["Describe."]).parts
        with torch.inference_mode():
            output = model.network.generate(
                **inputs, max_new_tokens=1, return_dict_in_generate=True, output_logits=True
            )
        seen.append(output.logits[0])
    assert not torch.equal(seen[0], seen[1])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_answer_is_what_the_network_adds_to_the_prompt(family: str, tiny: Build) -> None:
    """The prompt is cut off at the right token, for padded rows too."""
    model = load(tiny(family), generation={"max_new_tokens": 4})
    model.network.generation_config.min_new_tokens = 4
    added = []
    for picture, prompt in zip(pictures(), PROMPTS, strict=True):
        [(_, inputs)] = model.prepare([picture], [prompt]).parts
        with torch.inference_mode():
            output = model.network.generate(**inputs)[0]
        added.append(model.processor.tokenizer.decode(output[-4:], skip_special_tokens=True).strip())
        assert model.generate(model.prepare([picture], [prompt])) == added[-1:]
    assert any(added)


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
@pytest.mark.parametrize("family", FAMILIES)
def test_quantized_models_answer(family: str, quantization: str, tiny: Build) -> None:
    model = load(tiny(family), quantization=quantization)
    assert len(answer(model, 5)) == 5
    kept = model.family.unquantized
    kinds = {name: type(module).__name__ for name, module in model.network.named_modules()}
    quantized = [name for name, kind in kinds.items() if kind in ("Linear4bit", "Linear8bitLt")]
    assert len(quantized) == model.facts["quantized_modules"] > 0
    assert not any(name.startswith(kept) for name in quantized)
    assert all(any(name.startswith(prefix) for name in kinds) for prefix in kept), "a prefix matches nothing"
    assert model.facts["batch_invariant"] is False


@pytest.mark.parametrize("family", FAMILIES)
def test_lora_patterns_cover_each_linear_layer_once(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    patterns = model.family.lora
    heads = ("lm_head", "text_decoder.cls.predictions.decoder")
    hits = dict.fromkeys(patterns, 0)
    for name, module in model.network.named_modules():
        if type(module).__name__ in ("Linear", "Conv1D") and not name.endswith(heads):
            found = [part for part, pattern in patterns.items() if re.fullmatch(pattern, name)]
            assert len(found) == 1, (name, found)
            hits[found[0]] += 1
    assert all(hits.values()), f"a part covers nothing: {hits}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tiny_checkpoint_is_the_same_bytes_each_time(family: str, tiny: Build, tmp_path: Path) -> None:
    again = build(family, tmp_path / family)
    ours, theirs = (
        {file.name: locate(str(folder)).identity for file in folder.glob("*.safetensors")}
        for folder in (again, tiny(family))
    )
    assert ours == theirs


def test_blip_groups_prompts_by_their_length(tiny: Build) -> None:
    model = load(tiny("blip"))
    parts = model.prepare(pictures(), PROMPTS).parts
    assert sorted(row for rows, _ in parts for row in rows) == [0, 1, 2, 3, 4]
    assert [0, 3] in [list(rows) for rows, _ in parts]
    assert all(bool(inputs["attention_mask"].all()) for _, inputs in parts)


def test_bfloat16_on_the_cpu_is_not_called_batch_invariant(tiny: Build) -> None:
    model = load(tiny("llava"), model={"dtype": "bfloat16"})
    assert model.facts["dtype"] == "bfloat16" and model.facts["batch_invariant"] is False
    assert len(answer(model, 5)) == 5
