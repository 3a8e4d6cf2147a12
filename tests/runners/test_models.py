"""Every architecture: loads, answers, and answers the same whatever its company in the batch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from runners.checkpoints import locate
from runners.config import RunConfig
from runners.models import is_out_of_memory, load_model
from runners.models.families import family_of
from runners.models.vision_language import VisionLanguageModel
from tasks.nouns import InputError
from tests.runners.tiny import FAMILIES, build

Build = Callable[[str], Path]
PROMPTS = ["Describe.", "A chest x-ray of", "What is seen here, in one line?", "Describe.", "a"]


def config_for(base: Path, **settings: Any) -> RunConfig:
    generation = {"max_new_tokens": 10, **settings.pop("generation", {})}
    return RunConfig.model_validate(
        {
            "task": "captions",
            "data": {"path": "nowhere"},
            "model": {"name": str(base), **settings.pop("model", {})},
            "prompt": {"text": "Describe."},
            "generation": generation,
            **settings,
        }
    )


def load(base: Path, **settings: Any) -> VisionLanguageModel:
    config = config_for(base, **settings)
    model = load_model(config, locate(config.model.name), [locate(a.path) for a in config.adapters])
    assert isinstance(model, VisionLanguageModel)
    return model


def pictures() -> list[Image.Image]:
    """Five images of odd sizes, made from five modes."""
    sizes = {"RGB": (40, 30), "L": (1, 5), "P": (64, 64), "CMYK": (200, 120), "RGBA": (3, 90)}
    images = []
    for number, (mode, size) in enumerate(sizes.items()):
        ramp = Image.linear_gradient("L").rotate(90 * number).resize(size)
        images.append(Image.merge("RGB", (ramp, ramp, ramp.point(lambda v: 255 - v))).convert(mode).convert("RGB"))
    return images


def answer(model: VisionLanguageModel, size: int) -> list[str]:
    images, answers = pictures(), []
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        answers += model.generate(model.prepare(images[part], PROMPTS[part]))
    return answers


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_answers_as_one_by_one(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    together = answer(model, 4)
    assert together == answer(model, 1) == answer(model, 4)
    assert len(set(together)) > 2, "the answers do not depend on the question"
    tokenizer = model.processor.tokenizer
    assert not any(token in text for text in together for token in tokenizer.all_special_tokens)
    assert not any("Describe" in text or "assistant" in text for text in together)
    assert model.facts["batch_invariant"] is True
    assert model.facts["image_backend"] == "pil"


@pytest.mark.parametrize("family", FAMILIES)
def test_beams_do_not_mix_rows(family: str, tiny: Build) -> None:
    model = load(tiny(family), generation={"num_beams": 3, "no_repeat_ngram_size": 3})
    assert answer(model, 5) == answer(model, 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_image_is_seen(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    black, white = (Image.new("RGB", (32, 32), level) for level in ("black", "white"))
    [(_, dark)], [(_, bright)] = (model.prepare([image], ["Describe."]).parts for image in (black, white))
    with torch.inference_mode():
        assert not torch.equal(model.network(**dark).logits, model.network(**bright).logits)


def test_the_answer_is_what_the_network_adds_to_the_prompt(tiny: Build) -> None:
    """The prompt is cut off at the right token, for padded rows too."""
    for family in FAMILIES:
        model = load(tiny(family), generation={"max_new_tokens": 4})
        [(_, inputs)] = model.prepare(pictures()[:1], PROMPTS[:1]).parts
        with torch.inference_mode():
            output = model.network.generate(**inputs)[0]
        added = model.processor.tokenizer.decode(output[-4:], skip_special_tokens=True).strip()
        assert model.generate(model.prepare(pictures()[:1], PROMPTS[:1])) == [added]


def test_blip_groups_prompts_by_their_length(tiny: Build) -> None:
    model = load(tiny("blip"))
    parts = model.prepare(pictures(), PROMPTS).parts
    assert sorted(row for rows, _ in parts for row in rows) == [0, 1, 2, 3, 4]
    assert [0, 3] in [list(rows) for rows, _ in parts]
    assert all(bool(inputs["attention_mask"].all()) for _, inputs in parts)


def test_llava_without_processor_config_is_filled_in(tiny: Build) -> None:
    bare, whole = load(tiny("llava_bare")), load(tiny("llava"))
    assert bare.facts["processor_changes"] == {
        "patch_size": 14,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }
    assert bare.facts["prompt_form"] == "chat template for text"
    assert answer(bare, 5) == answer(whole, 5)


def test_a_checkpoint_without_a_template_is_asked_in_the_plain_way(tiny: Build, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny("llava"), tmp_path / "base"))
    (base / "chat_template.jinja").unlink()
    model = load(base)
    assert model.facts["prompt_form"] == "fallback"
    assert model.ask("Why?") == "USER: <image>\nWhy?\nASSISTANT:"


def test_a_prompt_with_the_image_token_is_taken_as_it_is(tiny: Build) -> None:
    model = load(tiny("llava"))
    assert model.ask("USER: <image>\nWhy? ASSISTANT:") == "USER: <image>\nWhy? ASSISTANT:"
    [(_, inputs)] = model.prepare(pictures()[:1], ["Why?"]).parts
    assert int((inputs["input_ids"] == model.processor.tokenizer.bos_token_id).sum()) == 1


def test_arguments_hidden_in_the_checkpoint_do_not_count(tiny: Build) -> None:
    """The tiny Qwen, like the real one, ships do_sample, temperature and a repetition penalty."""
    shipped = json.loads((tiny("qwen2_vl") / "generation_config.json").read_text(encoding="utf-8"))
    assert shipped["do_sample"] is True and shipped["repetition_penalty"] == 1.05
    model = load(tiny("qwen2_vl"))
    used = model.network.generation_config
    assert used.do_sample is False and used.repetition_penalty == 1.0 and used.temperature in (None, 1.0)
    assert set(shipped["eos_token_id"]) <= set(used.eos_token_id)
    assert answer(model, 5) == answer(model, 5)


def test_llama3_stops_at_the_end_of_a_turn(tiny: Build) -> None:
    model = load(tiny("llava"))
    stop = model.processor.tokenizer.convert_tokens_to_ids("<|eot_id|>")
    assert stop in model.network.generation_config.eos_token_id


def test_sampling_follows_the_seed_alone(tiny: Build) -> None:
    model = load(tiny("llava"), generation={"do_sample": True, "temperature": 2.0})
    prepared = model.prepare(pictures(), PROMPTS)
    first = model.generate(prepared, seed=7)
    assert model.generate(prepared, seed=8) != first
    assert model.generate(prepared, seed=7) == first
    assert model.facts["batch_invariant"] is False


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl"])
def test_max_pixels_bounds_the_image_tokens(family: str, tiny: Build) -> None:
    large = [Image.new("RGB", (2000, 1500))]
    patches = {}
    for limit in (None, 4 * 28 * 28):
        model = load(tiny(family), model={"max_pixels": limit})
        [(_, inputs)] = model.prepare(large, ["Describe."]).parts
        patches[limit] = int(inputs["image_grid_thw"].prod())
    assert patches[4 * 28 * 28] <= 4 * 4 < patches[None] <= 16 * 4


def test_a_model_of_fixed_resolution_refuses_max_pixels(tiny: Build) -> None:
    with pytest.raises(InputError, match="max_pixels"):
        load(tiny("llava"), model={"max_pixels": 1000})


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


@pytest.mark.parametrize("family", ["blip", "llava", "qwen2_vl", "qwen2_5_vl"])
def test_lora_patterns_cover_each_linear_layer_once(family: str, tiny: Build) -> None:
    import re

    network = load(tiny(family)).network
    patterns = family_of(family).lora.values()
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Linear) and name not in ("lm_head", "text_decoder.cls.predictions.decoder"):
            assert sum(bool(re.fullmatch(p, name)) for p in patterns) == 1, name


def test_a_tiny_checkpoint_is_the_same_bytes_each_time(tiny: Build, tmp_path: Path) -> None:
    for family in FAMILIES:
        again = build(family, tmp_path / family)
        assert locate(str(again)).identity == locate(str(tiny(family))).identity


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


def test_bfloat16_on_the_cpu_is_not_called_batch_invariant(tiny: Build) -> None:
    model = load(tiny("llava"), model={"dtype": "bfloat16"})
    assert model.facts["dtype"] == "bfloat16" and model.facts["batch_invariant"] is False
    assert len(answer(model, 5)) == 5


def spoil(network: Any, rows: slice) -> None:
    """Make the scores of `rows` of every batch NaN, as an overflow in half precision does."""

    def hook(module: Any, inputs: Any, output: Any) -> Any:
        output.logits[rows] = float("nan")
        return output

    network.register_forward_hook(hook)


@pytest.mark.parametrize("generation", [{}, {"num_beams": 3}, {"do_sample": True}])
def test_scores_that_are_no_numbers_are_no_answer(generation: dict[str, Any], tiny: Build) -> None:
    model = load(tiny("llava"), generation=generation)
    prepared = model.prepare(pictures()[:2], PROMPTS[:2])
    assert len(model.generate(prepared)) == 2
    spoil(model.network, slice(1, 2))
    with pytest.raises((FloatingPointError, RuntimeError), match=r"nan|NaN"):
        model.generate(prepared)


def test_a_model_whose_output_is_no_number_is_refused_at_the_start(tiny: Build, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = Path(shutil.copytree(tiny("llava"), tmp_path / "base"))
    tensors = load_file(base / "model.safetensors")
    tensors[next(name for name in tensors if name.endswith("lm_head.weight"))][3] = float("nan")
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="not a number"):
        load(base)


def edit(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **values}), encoding="utf-8")


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


def test_out_of_memory_is_recognised() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory"))
