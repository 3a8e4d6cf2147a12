"""The memory estimate against what loaded tiny models really hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from runners.models.families import family_of
from runners.models.loading import load_network, noise_image
from runners.models.processors import load_processor, prompt_form
from runners.models.quantization import quantized_modules
from runners.preview.hollow import count_patches, empty_network
from runners.preview.memory import (
    Memory,
    activation_bytes,
    cache_bytes,
    int8_bytes,
    nf4_bytes,
    quantized_layers,
    weight_bytes,
    workspace_bytes,
)

Build = Callable[[str], Path]
CPU = torch.device("cpu")
DIFFERENT = ("blip", "llava", "qwen2_vl", "blip-2_t5", "gemma3", "florence2", "vision-encoder-decoder")


def load(folder: Path, **settings: Any) -> Any:
    asked = {"quantization": "none", "device": CPU, "dtype": torch.float32, "trust_remote_code": False, **settings}
    return load_network(folder, **asked)[0]


def held(network: torch.nn.Module) -> int:
    """Bytes of all tensors of a loaded network, with what bitsandbytes keeps beside quantized weights."""
    total = 0
    for tensor in (*network.parameters(), *network.buffers()):
        total += tensor.numel() * tensor.element_size()
        if (state := getattr(tensor, "quant_state", None)) is not None:
            parts = [state.absmax, state.code]
            parts += [state.state2.absmax, state.state2.code, state.offset] if state.nested else []
            total += sum(part.numel() * part.element_size() for part in parts)
        if (scales := getattr(tensor, "SCB", None)) is not None:
            total += scales.numel() * scales.element_size()
    return total


@pytest.mark.parametrize("family", DIFFERENT)
@pytest.mark.parametrize(
    ("quantization", "double", "dtype"),
    [
        ("none", True, torch.float32),
        ("none", True, torch.bfloat16),
        ("nf4", True, torch.bfloat16),
        ("nf4", False, torch.float32),
        ("int8", True, torch.bfloat16),
    ],
)
def test_weights_are_exact(family: str, quantization: str, double: bool, dtype: torch.dtype, tiny: Build) -> None:
    loaded = load(tiny(family), quantization=quantization, dtype=dtype, double_quantization=double)
    empty = empty_network(tiny(family), dtype=dtype)
    kept = family_of(empty.config.model_type).unquantized
    assert {p.device.type for p in empty.parameters()} == {"meta"}
    assert empty.num_parameters() == empty_network(tiny(family)).num_parameters()
    if quantization != "none":
        assert quantized_layers(empty, kept) == quantized_modules(loaded) != []
    assert weight_bytes(empty, quantization=quantization, kept=kept, double_quantization=double) == held(loaded)


def inputs_of(folder: Path, network: Any, *, images: int) -> Any:
    family = family_of(network.config.model_type)
    processor, _ = load_processor(folder, family, network, max_pixels=None, trust_remote_code=False)
    _, ask = prompt_form(processor, family)
    texts = [ask("What does it show?")] * images
    return processor(images=[[noise_image(512)]] * images, text=texts, return_tensors="pt", padding=True)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("family", ["blip", "llava", "qwen2_vl", "idefics3", "florence2"])
def test_the_cache_is_exact(family: str, beams: int, tiny: Build) -> None:
    network = load(tiny(family))
    inputs = inputs_of(tiny(family), network, images=2)
    length = inputs["input_ids"].shape[1]
    asked = {"max_new_tokens": 5, "min_new_tokens": 5, "num_beams": beams, "return_dict_in_generate": True}
    output = network.generate(**inputs, **asked)
    cache = output.past_key_values
    own = getattr(cache, "self_attention_cache", cache)
    cross = getattr(cache, "cross_attention_cache", None)
    tensors = [
        t for part in (own, cross) if part is not None for layer in part.layers for t in (layer.keys, layer.values)
    ]
    vision = cross.layers[0].keys.shape[2] if cross is not None else 0
    expected = {"blip": count_patches(network.config, inputs["pixel_values"]) // 2 + 1, "florence2": length}
    assert vision == expected.get(family, 0)
    # The last token is written and never read; BLIP takes the prompt without its end, an encoder takes it whole.
    tokens = {"blip": length - 1 + 4, "florence2": 5}.get(family, length + 4)
    estimate = cache_bytes(network.config, rows=2 * beams, tokens=tokens, itemsize=4, cross_tokens=vision)
    assert estimate == sum(t.numel() * t.element_size() for t in tensors)


def peak(work: Callable[[], Any]) -> int:
    """The most bytes that `work` held at once."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        work()
    assert found.profiler is not None and found.profiler.kineto_results is not None
    events = [event for event in found.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("family", ["blip", "llava", "qwen2_vl"])
def test_the_rule_for_activations_fits_what_is_measured(family: str, beams: int, tiny: Build) -> None:
    network = load(tiny(family))
    inputs = inputs_of(tiny(family), network, images=8)
    shape = {"prompt_tokens": inputs["input_ids"].shape[1], "itemsize": 4}
    patches = count_patches(network.config, inputs["pixel_values"]) // 8
    cross = patches + 1 if family == "blip" else 0
    cache = cache_bytes(
        network.config, rows=8 * beams, tokens=shape["prompt_tokens"] + 7, itemsize=4, cross_tokens=cross
    )
    rule = activation_bytes(network.config, images=8, beams=beams, patches=patches, **shape)
    with torch.inference_mode():
        network.generate(**inputs, max_new_tokens=2, num_beams=beams)
        measured = peak(lambda: network.generate(**inputs, max_new_tokens=8, min_new_tokens=8, num_beams=beams))
    assert 0.8 * measured < cache + rule < 1.25 * measured


def test_the_rule_for_activations_by_hand(tiny: Build) -> None:
    config = empty_network(tiny("llava")).config
    config.text_config.vocab_size = 1
    shape: dict[str, Any] = {"images": 2, "beams": 3, "prompt_tokens": 10, "patches": 4, "itemsize": 2}
    one = 10 * (6 * 64 + 3 * 128) * 2
    assert activation_bytes(config, **shape) == 2 * 3 * one
    assert activation_bytes(config, **shape, eager=True) == 2 * 3 * (one + 2 * 4 * 4 * 10 * 10)
    config.text_config.vocab_size = 10**6
    assert activation_bytes(config, **shape) == 2 * 3 * 3 * 4 * 10**6
    assert activation_bytes(config, **{**shape, "patches": 10**6}) == 2 * 10**6 * (6 * 64 + 3 * 128) * 2


def test_bits_of_a_quantized_number() -> None:
    """QLoRA, section 3: 4 bits and 0.127 with double quantization, 0.5 without; the rest is a constant."""
    count = 4096 * 4096
    assert 8 * nf4_bytes(count) / count == pytest.approx(4.127, abs=1e-3)
    assert 8 * nf4_bytes(count, double_quantization=False) / count == pytest.approx(4.5, abs=1e-3)
    assert int8_bytes(3, 5) == 15 + 12


def test_one_layer_is_unpacked_at_a_time(tiny: Build) -> None:
    network = empty_network(tiny("llava"), dtype=torch.bfloat16)
    kept = family_of("llava").unquantized
    assert workspace_bytes(network, quantization="none", kept=kept) == 0
    assert workspace_bytes(network, quantization="nf4", kept=kept) == 64 * 128 * 2


def test_the_total_is_all_of_it() -> None:
    assert Memory(weights=1, cache=20, activations=300, reserved=4000).total == 4321
