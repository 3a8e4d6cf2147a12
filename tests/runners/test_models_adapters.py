"""Adapters are applied or refused: never loaded without effect."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from runners.checkpoints import cache_folder
from tasks.nouns import InputError
from tests.runners.adapting import close, rewrite, use
from tests.runners.asking import answer, load
from tests.runners.tiny import FAMILIES

Build = Callable[[str], Path]
REAL = [name for name in FAMILIES if name != "llava_bare"]


@pytest.mark.parametrize("family", REAL)
def test_every_tensor_is_applied_and_merging_changes_nothing(
    family: str, tiny: Build, adapter: Callable[..., Path]
) -> None:
    path = adapter(family)
    plain, adapted = load(tiny(family)), load(tiny(family), adapters=use(path))
    merged = load(tiny(family), adapters=use(path), merge_adapters=True)
    [report] = adapted.facts["adapters"]
    count = len(load_file(path / "adapter_model.safetensors"))
    assert report["tensors_applied"] == report["tensors_expected"] == count
    assert report["tensors_renamed"] == 0
    assert report["probe_difference"] == pytest.approx(float((adapted._probe() - plain._probe()).abs().max()))
    assert close(adapted._probe(), merged._probe())
    assert merged.facts["merged"] and not adapted.facts["merged"]
    assert answer(adapted, 5) == answer(adapted, 1) == answer(merged, 5)
    assert not any("lora" in name for name, _ in merged.network.named_modules())


@pytest.mark.parametrize("family", REAL)
def test_adapters_add_up_exactly(family: str, tiny: Build, adapter: Callable[..., Path]) -> None:
    """Against W + sum of weight * scaling * B A, computed by hand; ranks and targets differ."""
    first = adapter(family, seed=1)
    second = adapter(family, seed=2, parts=("language",), r=2, lora_alpha=6)
    model = load(tiny(family), adapters=use((first, 0.5), (second, -1.5)))
    by_hand = load(tiny(family))
    weights = dict(by_hand.network.named_parameters())
    for path, factor in ((first, 0.5 * 8 / 4), (second, -1.5 * 6 / 2)):
        tensors = load_file(path / "adapter_model.safetensors")
        for key in [key for key in tensors if ".lora_A." in key]:
            delta = tensors[key.replace("lora_A", "lora_B")] @ tensors[key]
            weight = weights[key.removeprefix("base_model.model.").replace("lora_A.", "")]
            # GPT-2 keeps its matrices the other way round.
            weight.data += factor * (delta.T if re.search(r"\.(c_|q_attn)", key) else delta)
    assert close(model._probe(), by_hand._probe())
    assert not close(model._probe(), load(tiny(family))._probe())


def test_an_adapter_that_does_not_fit_is_refused_with_its_tensors(
    tiny: Build, adapter: Callable[..., Path], tmp_path: Path
) -> None:
    path = adapter("llava")
    foreign = rewrite(path, tmp_path / "foreign", lambda key: key.replace("self_attn", "attention"))
    with pytest.raises(InputError) as caught:
        load(tiny("llava"), adapters=use(foreign))
    message = str(caught.value)
    assert "no place for" in message and "attention.q_proj" in message
    assert "file lacks" in message and "self_attn.q_proj" in message and "more" in message

    torn = rewrite(path, tmp_path / "torn", lambda key: None if "layers.1.mlp.fc2.lora_B" in key else key)
    with pytest.raises(InputError, match=r"lacks 1 tensors:\n.*layers\.1\.mlp\.fc2\.lora_B"):
        load(tiny("llava"), adapters=use(torn))

    with pytest.raises(InputError, match="does not fit"):
        load(tiny("qwen2_vl"), adapters=use(path))


def test_an_adapter_of_another_size_is_refused(tiny: Build, adapter: Callable[..., Path], tmp_path: Path) -> None:
    wide = rewrite(adapter("llava"), tmp_path / "wide", lambda key: key, r=8)
    with pytest.raises(InputError, match="of another size"):
        load(tiny("llava"), adapters=use(wide))


def test_an_adapter_that_changes_nothing_is_refused(tiny: Build, adapter: Callable[..., Path], tmp_path: Path) -> None:
    path = Path(shutil.copytree(adapter("qwen2_vl"), tmp_path / "idle"))
    tensors = load_file(path / "adapter_model.safetensors")
    save_file(
        {k: torch.zeros_like(v) if "lora_B" in k else v for k, v in tensors.items()},
        path / "adapter_model.safetensors",
    )
    with pytest.raises(InputError, match="changes nothing"):
        load(tiny("qwen2_vl"), adapters=use(path))
    with pytest.raises(InputError, match="changes nothing"):
        load(tiny("qwen2_vl"), adapters=use((adapter("qwen2_vl"), 0.0)))


def test_pickles_and_strangers_are_refused(tiny: Build, adapter: Callable[..., Path], tmp_path: Path) -> None:
    pickled = Path(shutil.copytree(adapter("llava"), tmp_path / "pickled"))
    torch.save(load_file(pickled / "adapter_model.safetensors"), pickled / "adapter_model.bin")
    (pickled / "adapter_model.safetensors").unlink()
    with pytest.raises(InputError, match=r"adapter_model.bin.*runs the code"):
        load(tiny("llava"), adapters=use(pickled))
    with pytest.raises(InputError, match="no LoRA adapter"):
        load(tiny("llava"), adapters=use(tiny("llava")))
    with pytest.raises(InputError, match="it is an adapter"):
        load(adapter("llava"))
    other = rewrite(adapter("llava"), tmp_path / "other", lambda key: key, peft_type="LOHA")
    with pytest.raises(InputError, match="only LORA"):
        load(tiny("llava"), adapters=use(other))
    pissa = rewrite(adapter("llava"), tmp_path / "pissa", lambda key: key, init_lora_weights="pissa")
    with pytest.raises(InputError, match="pissa"):
        load(tiny("llava"), adapters=use(pissa))


@pytest.mark.parametrize("damage", [{"r": "4"}, {"target_modules": "[("}, {"target_modules": 3}])
def test_a_damaged_adapter_config_is_a_message(
    damage: dict[str, Any], tiny: Build, adapter: Callable[..., Path], tmp_path: Path
) -> None:
    damaged = rewrite(adapter("llava"), tmp_path / "damaged", lambda key: key, **damage)
    with pytest.raises(InputError, match=r"adapter_config\.json is damaged"):
        load(tiny("llava"), adapters=use(damaged))


def test_an_adapter_that_diverged_is_refused(tiny: Build, adapter: Callable[..., Path], tmp_path: Path) -> None:
    path = Path(shutil.copytree(adapter("llava"), tmp_path / "diverged"))
    tensors = load_file(path / "adapter_model.safetensors")
    next(iter(tensors.values()))[0] = float("nan")
    save_file(tensors, path / "adapter_model.safetensors")
    with pytest.raises(InputError, match=r"1 of its .* no numbers"):
        load(tiny("llava"), adapters=use(path))


def test_a_saved_projector_counts_alone_and_not_in_a_sum(tiny: Build, adapter: Callable[..., Path]) -> None:
    path = adapter("llava", parts=("language",), modules_to_save=["multi_modal_projector"])
    model = load(tiny("llava"), adapters=use(path))
    saved = load_file(path / "adapter_model.safetensors")
    [key] = [key for key in saved if key.endswith("linear_1.weight")]
    active = model.network.model.multi_modal_projector.modules_to_save["adapter_0"].linear_1.weight
    assert torch.equal(active, saved[key])
    merged = load(tiny("llava"), adapters=use(path), merge_adapters=True)
    assert close(model._probe(), merged._probe())
    for asked in (use((path, 0.5)), use(path, adapter("llava"))):
        with pytest.raises(InputError, match="modules_to_save"):
            load(tiny("llava"), adapters=asked)


def test_merging_comes_before_quantizing_and_is_kept(tiny: Build, adapter: Callable[..., Path]) -> None:
    settings = {"adapters": use((adapter("qwen2_5_vl"), 0.75)), "merge_adapters": True}
    first = load(tiny("qwen2_5_vl"), quantization="int8", **settings)
    [folder] = [f for f in (cache_folder() / "merged").iterdir() if not f.name.startswith(".")]
    made = (folder / "model.safetensors").stat().st_mtime_ns
    again = load(tiny("qwen2_5_vl"), quantization="int8", **settings)
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    assert first.facts["adapters"] == again.facts["adapters"]
    assert first.facts["merged"] and first.facts["quantized_modules"] > 0
    assert answer(first, 5) == answer(again, 5)
    whole = load(tiny("qwen2_5_vl"), **settings)
    assert close(load(folder)._probe(), whole._probe())
    # int8 rounds a little; an adapter that was lost on the way would be far off.
    assert (first._probe() - whole._probe()).abs().max() < whole.facts["adapters"][0]["probe_difference"] / 3


@pytest.mark.parametrize("family", ["instructblip", "llava_med", "vision-encoder-decoder"])
def test_a_merged_copy_takes_all_its_processor_needs(family: str, tiny: Build, adapter: Callable[..., Path]) -> None:
    """InstructBLIP has a second tokenizer in a folder of its own, LLaVA-Med is converted first."""
    settings = {"adapters": use(adapter(family)), "merge_adapters": True}
    merged = load(tiny(family), quantization="int8", **settings)
    assert merged.facts["merged"] and merged.facts["quantized_modules"] > 0
    assert len(answer(merged, 5)) == 5
    whole = load(tiny(family), **settings)
    assert (merged._probe() - whole._probe()).abs().max() < 3 * whole.facts["adapters"][0]["probe_difference"]


@pytest.mark.parametrize("family", REAL)
def test_an_adapter_on_the_language_part_alone_acts(family: str, tiny: Build, adapter: Callable[..., Path]) -> None:
    path = adapter(family, parts=("language",))
    model = load(tiny(family), adapters=use(path))
    [report] = model.facts["adapters"]
    assert report["tensors_applied"] == report["tensors_expected"] > 0 and report["probe_difference"] > 0
    assert answer(model, 5) != answer(load(tiny(family)), 5)


@pytest.mark.parametrize("family", REAL)
def test_adapters_act_on_quantized_models(family: str, tiny: Build, adapter: Callable[..., Path]) -> None:
    plain = load(tiny(family), quantization="nf4")._probe()
    model = load(tiny(family), quantization="nf4", adapters=use(adapter(family)))
    assert model.facts["adapters"][0]["probe_difference"] > 0
    assert not close(model._probe(), plain)
    assert len(answer(model, 5)) == 5


def test_loading_is_quiet(tiny: Build, adapter: Callable[..., Path]) -> None:
    """Nothing on stderr that a user could not act on: no bars, no hints about optional kernels."""
    code = (
        "import sys; from tests.runners.asking import load;"
        "load(sys.argv[1], quantization='nf4', adapters=[{'path': sys.argv[2]}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tiny("llava")), str(adapter("llava"))],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr == ""
