"""Processors: what a checkpoint forgot is filled in, and what does not fit its model is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from runners.models import image_backend
from runners.models.image_tokens import expected_image_tokens, produced_image_tokens
from tasks.nouns import InputError
from tests.runners.asking import PROMPTS, answer, edit, load, pictures
from tests.runners.tiny import FAMILIES

Build = Callable[[str], Path]
WITHOUT_IMAGE_TOKENS = {"blip", "vision-encoder-decoder"}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_prompt_holds_as_many_image_tokens_as_the_model_makes_features(family: str, tiny: Build) -> None:
    model = load(tiny(family))
    assert (model.facts["image_tokens"] is None) == (family in WITHOUT_IMAGE_TOKENS)
    if family in WITHOUT_IMAGE_TOKENS:
        return
    tokens: list[int] = []
    for picture in pictures():
        [(_, inputs)] = model.prepare([picture], ["Describe."]).parts
        tokens.append(produced_image_tokens(model.network, inputs) or 0)
        assert tokens[-1] == expected_image_tokens(model.network, inputs)
    together = model.prepare(pictures(), ["Describe."] * 5).parts
    assert sum(tokens) == sum(produced_image_tokens(model.network, inputs) or 0 for _, inputs in together)


@pytest.mark.parametrize(("family", "patch_size"), [("llava", 7), ("llava_next", 28)])
def test_the_patch_size_follows_the_model(family: str, patch_size: int, tiny: Build, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny(family), tmp_path / "base"))
    edit(base / "processor_config.json", patch_size=patch_size)
    model = load(base)
    assert model.facts["processor_changes"] == {"patch_size": 14}
    assert answer(model, 5) == answer(load(tiny(family)), 5)


@pytest.mark.parametrize(
    ("family", "setting", "tokens"),
    [
        ("internvl", {"image_seq_length": 9}, 9),
        ("smolvlm", {"image_seq_len": 5}, 25),
        ("idefics3", {"image_seq_len": 5}, 25),
        ("gemma3", {"image_seq_length": 16}, 16),
    ],
)
def test_a_processor_of_another_model_is_refused_with_both_numbers(
    family: str, setting: dict[str, int], tokens: int, tiny: Build, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny(family), tmp_path / "base"))
    edit(base / "processor_config.json", **setting)
    expected = load(tiny(family)).facts["image_tokens"]
    with pytest.raises(InputError, match=rf"holds {tokens} image tokens.*makes {expected} features.*\n.*Compare"):
        load(base)


def test_image_preprocessing_of_another_size_is_refused(tiny: Build, tmp_path: Path) -> None:
    for family in ("llava", "paligemma"):
        base = Path(shutil.copytree(tiny(family), tmp_path / family))
        told = json.loads((base / "processor_config.json").read_text(encoding="utf-8"))["image_processor"]
        side = {"height": 56, "width": 56}
        size = {"crop_size": side, "size": {"shortest_edge": 56}} if "crop_size" in told else {"size": side}
        edit(base / "processor_config.json", image_processor={**told, **size})
        with pytest.raises(InputError, match=r"do not agree about one image.*\n.*Compare"):
            load(base)


def test_llava_without_processor_config_is_filled_in(tiny: Build) -> None:
    bare, whole = load(tiny("llava_bare")), load(tiny("llava"))
    assert bare.facts["processor_changes"] == {
        "patch_size": 14,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }
    assert bare.facts["prompt_form"] == "chat template for text"
    assert answer(bare, 5) == answer(whole, 5)


def test_blip2_without_the_number_of_queries_is_filled_in(tiny: Build, tmp_path: Path) -> None:
    """The files of BLIP-2 on the hub had no processor_config.json at first."""
    base = Path(shutil.copytree(tiny("blip-2"), tmp_path / "base"))
    edit(base / "processor_config.json", num_query_tokens=None)
    model = load(base)
    assert model.facts["processor_changes"] == {"num_query_tokens": 4}
    assert answer(model, 5) == answer(load(tiny("blip-2")), 5)


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
    assert load(tiny("paligemma")).ask("caption en") == "<image>caption en"
    assert load(tiny("paligemma")).ask("<image>caption en") == "<image>caption en"


def test_the_beginning_of_an_answer_is_its_prompt_and_no_part_of_it(tiny: Build) -> None:
    model = load(tiny("vision-encoder-decoder"))
    [(_, inputs)] = model.prepare(pictures()[:1], ["mri of the"]).parts
    tokenizer = model.processor.tokenizer
    assert tokenizer.decode(inputs["decoder_input_ids"][0]) == "<|endoftext|>mri of the"
    [(_, empty)] = model.prepare(pictures()[:1], [""]).parts
    assert empty["decoder_input_ids"].tolist() == [[tokenizer.bos_token_id]]
    assert model.generate(model.prepare(pictures()[:1], [""])) != model.generate(
        model.prepare(pictures()[:1], ["mri of the"])
    )


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def test_max_pixels_bounds_the_image_tokens(family: str, tiny: Build) -> None:
    large = [Image.new("RGB", (2000, 1500))]
    tokens = {}
    for limit in (None, 4 * 28 * 28):
        model = load(tiny(family), model={"max_pixels": limit})
        [(_, inputs)] = model.prepare(large, ["Describe."]).parts
        tokens[limit] = produced_image_tokens(model.network, inputs) or 0
    assert 0 < tokens[4 * 28 * 28] <= 4 < tokens[None] <= 16


@pytest.mark.parametrize("family", ["llava", "internvl"])
def test_a_model_of_fixed_resolution_refuses_max_pixels(family: str, tiny: Build) -> None:
    with pytest.raises(InputError, match="max_pixels"):
        load(tiny(family), model={"max_pixels": 1000})


def test_the_image_backend_follows_what_is_installed(tiny: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = image_backend.resolve_image_backend
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        assert resolve("auto") == resolve("pil") == "pil"
        with pytest.raises(InputError, match="image_backend"):
            resolve("torchvision")
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: object())
        assert resolve("auto") == resolve("torchvision") == "torchvision"
        assert resolve("pil") == "pil"
    model = load(tiny("qwen2_vl"))
    assert model.facts["image_backend"] == resolve("auto")
    assert model.facts["image_processor"].endswith("Pil") == (resolve("auto") == "pil")
    assert len(answer(model, 5)) == len(PROMPTS)
