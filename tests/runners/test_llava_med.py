"""LLaVA-Med in its original layout: converted to `llava` once, equal in every number, or refused with the reason."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from runners.checkpoints import cache_folder, locate
from runners.models.llava_med import loadable
from tasks.nouns import InputError
from tests.runners.asking import answer, edit, load, pictures
from tests.runners.tiny.llava import llava_med

Build = Callable[[str], Path]


def copy(tiny: Build, target: Path) -> Path:
    return Path(shutil.copytree(tiny("llava_med"), target))


def test_it_is_the_same_network_under_other_names(tiny: Build) -> None:
    """Against the language model and the projector run by hand, on an image's features and a prompt."""
    from transformers import AutoConfig, CLIPVisionModel, MistralForCausalLM

    original = load_file(tiny("llava_med") / "model.safetensors")
    told = json.loads((tiny("llava_med") / "config.json").read_text(encoding="utf-8"))
    settings = {key: value for key, value in told.items() if "mm_" not in key and key not in ("model_type", "dtype")}
    language = MistralForCausalLM(AutoConfig.for_model("mistral", **settings))
    language.load_state_dict({k: v for k, v in original.items() if "mm_projector" not in k and "vision" not in k})
    tower = CLIPVisionModel(CLIPVisionModel.config_class.from_pretrained(tiny("llava_med") / "clip"))
    prefix = "model.vision_tower.vision_tower.vision_model."
    here = "vision_model." if any(name.startswith("vision_model.") for name in tower.state_dict()) else ""
    stored = {here + key.removeprefix(prefix): value for key, value in original.items() if key.startswith(prefix)}
    tower.load_state_dict(stored)

    model = load(tiny("llava_med"))
    [(_, inputs)] = model.prepare(pictures()[:1], ["What is shown?"]).parts
    with torch.inference_mode():
        seen = tower.eval()(inputs["pixel_values"], output_hidden_states=True).hidden_states[-2][:, 1:]
        first = seen @ original["model.mm_projector.0.weight"].T + original["model.mm_projector.0.bias"]
        second = torch.nn.functional.gelu(first) @ original["model.mm_projector.2.weight"].T
        features = second + original["model.mm_projector.2.bias"]
        [row] = inputs["input_ids"].tolist()
        at = row.index(model.network.config.image_token_id)
        words = [token for token in row if token != model.network.config.image_token_id]
        embedded = language.model.embed_tokens(torch.tensor([words]))
        spliced = torch.cat([embedded[:, :at], features, embedded[:, at:]], dim=1)
        by_hand = language.eval()(inputs_embeds=spliced).logits
        ours = model.network(**inputs).logits
    assert torch.allclose(ours[..., : by_hand.shape[-1]], by_hand, atol=1e-4)
    assert model.facts["model_type"] == "llava" and model.facts["unused_weights"] == 0


def test_it_is_asked_as_it_was_trained(tiny: Build) -> None:
    model = load(tiny("llava_med"))
    assert model.ask("What is shown?") == "[INST] <image>\nWhat is shown? [/INST]"
    assert model.facts["prompt_form"] == "chat template"
    [(_, inputs)] = model.prepare(pictures()[:1], ["Why?"]).parts
    assert inputs["input_ids"][0, 0] == model.processor.tokenizer.bos_token_id
    assert model.processor.image_processor.do_pad is True


def test_it_is_converted_once_and_keeps_its_identity(tiny: Build) -> None:
    base = locate(str(tiny("llava_med")))
    first = loadable(base)
    made = (first.path / "config.json").stat().st_mtime_ns
    assert first.identity == base.identity and first.path.is_relative_to(cache_folder())
    assert (loadable(base).path / "config.json").stat().st_mtime_ns == made
    plain = locate(str(tiny("llava")))
    assert loadable(plain) is plain


def test_weights_in_several_files_stay_in_several(tiny: Build, tmp_path: Path) -> None:
    base = copy(tiny, tmp_path / "base")
    tensors = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    names = sorted(tensors)
    places: dict[str, str] = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, base / file)
        places |= dict.fromkeys(part, file)
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    made = loadable(locate(str(base))).path
    assert sorted(file.name for file in made.glob("*.safetensors")) == sorted(set(places.values()))
    assert answer(load(base), 5) == answer(load(tiny("llava_med")), 5)


def test_the_added_image_token_is_never_written(tiny: Build) -> None:
    """Its row of the output is the mean of all others, so one of them is always likelier."""
    model = load(tiny("llava_med"))
    head = model.network.lm_head.weight
    before = load_file(tiny("llava_med") / "model.safetensors")["lm_head.weight"]
    assert head.shape[0] == before.shape[0] + 1 == model.network.config.image_token_id + 1
    assert torch.allclose(head[-1], before.mean(dim=0), atol=1e-6)


def test_the_vision_tower_is_taken_from_beside(tiny: Build, tmp_path: Path) -> None:
    torch.manual_seed(0)
    apart = tmp_path / "apart"
    apart.mkdir()
    llava_med(apart, tower=False)
    model = load(apart)
    assert model.facts["unused_weights"] == 0
    assert len(answer(model, 5)) == 5
    merged = dict(load_file(apart / "model.safetensors"))
    for key, value in load_file(apart / "clip" / "model.safetensors").items():
        merged["model.vision_tower.vision_tower.vision_model." + key.removeprefix("vision_model.")] = value
    together = Path(shutil.copytree(apart, tmp_path / "together"))
    save_file(merged, together / "model.safetensors", metadata={"format": "pt"})
    assert answer(load(together), 5) == answer(model, 5)


def test_a_missing_vision_tower_is_told_with_what_to_fetch(tiny: Build, tmp_path: Path) -> None:
    base = copy(tiny, tmp_path / "base")
    tensors = load_file(base / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if "vision" not in k}, base / "model.safetensors")
    edit(base / "config.json", mm_vision_tower="openai/clip-vit-large-patch14-336")
    with pytest.raises(InputError, match=r"(?s)not its vision tower openai/.*hf download openai/clip-vit-large"):
        load(base)


@pytest.mark.parametrize(
    "setting",
    [
        {"mm_projector_type": "linear"},
        {"mm_vision_select_feature": "cls_patch"},
        {"mm_use_im_start_end": True},
        {"image_aspect_ratio": "anyres"},
    ],
)
def test_what_has_no_counterpart_is_refused_with_the_reason(
    setting: dict[str, object], tiny: Build, tmp_path: Path
) -> None:
    base = copy(tiny, tmp_path / "base")
    edit(base / "config.json", **setting)
    [key] = setting
    with pytest.raises(InputError, match=rf"cannot be converted.*{key}"):
        load(base)


def test_a_conversion_that_stops_leaves_nothing_behind(
    tiny: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base = copy(tiny, tmp_path / "base")
    (base / "tokenizer.model").unlink()
    with pytest.raises(InputError, match="tokenizer"):
        load(base)
    assert list((tmp_path / "cache" / "imageclef" / "converted").iterdir()) == []
    shutil.copy2(tiny("llava_med") / "tokenizer.model", base)
    assert len(answer(load(base), 5)) == 5


def test_without_sentencepiece_the_way_to_get_it_is_told(
    tiny: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(InputError, match="pip install sentencepiece"):
        load(tiny("llava_med"))
