"""The base model as a training takes it: precision, quantization, a fresh adapter, everything frozen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.models.quantization import quantized_modules
from runners.training.config import TrainConfig
from runners.training.network import Trainee, open_for_training, refuse_unready
from runners.training.stages import checksums
from tasks.nouns import InputError
from tests.runners.training.tiny_training import optimization, settings

Build = Callable[[str], Path]


def opened(model: Path, **others: Any) -> Trainee:
    return open_for_training(TrainConfig.model_validate(settings(model, **others)))


def test_a_fresh_adapter_changes_nothing_and_is_the_same_each_time(tiny: Build) -> None:
    one, two = opened(tiny("llava")), opened(tiny("llava"))
    assert checksums(one.network) == checksums(two.network)
    assert checksums(opened(tiny("llava"), seed=7).network) != checksums(one.network)
    assert not any(weight.requires_grad for weight in one.network.parameters())
    assert {weight.dtype for weight in one.network.parameters()} == {torch.float32}
    adapted = one.model._probe()
    with one.handle.disable_adapter():
        assert torch.equal(adapted, one.model._probe())


def test_four_bit_keeps_the_base_packed_and_the_adapter_in_float32(tiny: Build) -> None:
    trainee = opened(tiny("llava"), quantization="nf4")
    layers = [name for name in quantized_modules(trainee.network) if name.endswith(".base_layer")]
    assert len(layers) == 14
    assert not any(trainee.network.get_submodule(name).support_avx512bf16_for_cpu for name in layers)
    adapter = {weight.dtype for name, weight in trainee.network.named_parameters() if ".lora_" in name}
    assert adapter == {torch.float32}


def test_what_moves_is_kept_in_float32_whatever_is_computed_in(tiny: Build) -> None:
    half = optimization(precision="bfloat16")
    frozen = opened(tiny("qwen2_vl"), optimization=half)
    dtypes = {".lora_" in name: weight.dtype for name, weight in frozen.network.named_parameters()}
    assert dtypes == {True: torch.float32, False: torch.bfloat16}
    full = opened(tiny("qwen2_vl"), optimization=half, stages=[{"name": "a", "train": ["language"], "how": "full"}])
    assert {weight.dtype for weight in full.network.parameters()} == {torch.float32}
    assert full.precision == torch.bfloat16 and full.handle is None


def test_what_is_not_ready_is_told_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig.model_validate(settings("sample", report_to=["wandb"]))
    monkeypatch.setattr("runners.training.network.find_spec", lambda name: None)
    with pytest.raises(InputError, match="wandb is not installed: pip install wandb"):
        refuse_unready(config)
    plain = TrainConfig.model_validate(settings("sample"))
    refuse_unready(plain)


def test_what_cannot_be_trained_is_told(tiny: Build) -> None:
    with pytest.raises(InputError, match=r"optimization\.precision: float16 is for accelerators"):
        opened(tiny("llava"), optimization=optimization(precision="float16"))
    with pytest.raises(InputError, match="behind a server"):
        served = {"name": "m", "served": {"url": "http://localhost:1/v1"}}
        open_for_training(TrainConfig.model_validate(settings("m") | {"model": served}))
    with pytest.raises(InputError, match="no linear layers in its projector"):
        opened(tiny("blip"), stages=[{"name": "a", "train": ["projector"]}])
