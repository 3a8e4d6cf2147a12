"""Quantization and attention as the config asks: what was loaded is what the facts say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.models.loading import attention_implementation, load_network
from tasks.nouns import InputError

Build = Callable[[str], Path]
CPU = torch.device("cpu")


def loaded(folder: Path, **asked: Any) -> tuple[Any, dict[str, Any]]:
    return load_network(
        folder, **{"quantization": "none", "device": CPU, "dtype": torch.float32, "trust_remote_code": False, **asked}
    )


def layers(network: Any, kind: str) -> list[Any]:
    return [module for module in network.modules() if type(module).__name__ == kind]


@pytest.mark.parametrize("double", [True, False])
def test_double_quantization_is_as_asked(double: bool, tiny: Build) -> None:
    network, facts = loaded(tiny("llava"), quantization="nf4", double_quantization=double)
    found = layers(network, "Linear4bit")
    assert len(found) == facts["quantized_modules"] > 0
    assert {layer.weight.quant_state.nested for layer in found} == {double} == {facts["double_quantization"]}


@pytest.mark.parametrize(("asked", "found"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)])
def test_nf4_computes_in_the_asked_precision(asked: str, found: torch.dtype, tiny: Build) -> None:
    network, facts = loaded(tiny("qwen2_vl"), quantization="nf4", compute_dtype=asked)
    assert {layer.compute_dtype for layer in layers(network, "Linear4bit")} == {found}
    assert facts["compute_dtype"] == str(found).removeprefix("torch.")


def test_int8_and_none_have_no_such_choices(tiny: Build) -> None:
    network, facts = loaded(tiny("llava"), quantization="int8")
    assert len(layers(network, "Linear8bitLt")) == facts["quantized_modules"] > 0
    for found in (facts, loaded(tiny("llava"))[1]):
        assert "compute_dtype" not in found and "double_quantization" not in found


def test_float16_on_the_cpu_is_refused_by_its_key(tiny: Build) -> None:
    with pytest.raises(InputError, match=r"model\.compute_dtype: float16"):
        loaded(tiny("llava"), quantization="nf4", compute_dtype="float16")


@pytest.mark.parametrize(("asked", "found"), [("auto", "sdpa"), ("sdpa", "sdpa"), ("eager", "eager")])
def test_attention_is_as_asked(asked: str, found: str, tiny: Build) -> None:
    network, facts = loaded(tiny("qwen2_vl"), attention=asked)
    assert facts["attention"] == found
    assert network.model.language_model.config._attn_implementation == found


def test_an_architecture_without_sdpa_says_so(tiny: Build) -> None:
    assert loaded(tiny("blip"))[1]["attention"] == "eager"
    with pytest.raises(InputError, match=r"model\.attention: blip has no sdpa"):
        loaded(tiny("blip"), attention="sdpa")


def test_flash_attention_needs_a_card_half_precision_and_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers.utils

    card = torch.device("cuda", 0)
    capability = (7, 5)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    with pytest.raises(InputError, match=r"model\.device is the CPU"):
        attention_implementation("flash_attention_2", CPU, torch.bfloat16)
    with pytest.raises(InputError, match="Ampere"):
        attention_implementation("flash_attention_2", card, torch.bfloat16)
    capability = (9, 0)
    with pytest.raises(InputError, match="half precision"):
        attention_implementation("flash_attention_2", card, torch.float32)
    with pytest.raises(InputError, match="pip install flash-attn"):
        attention_implementation("flash_attention_2", card, torch.bfloat16)
    monkeypatch.setattr(transformers.utils, "is_flash_attn_2_available", lambda: True)
    assert attention_implementation("flash_attention_2", card, torch.bfloat16) == "flash_attention_2"
    assert attention_implementation("auto", CPU, torch.float32) is None
