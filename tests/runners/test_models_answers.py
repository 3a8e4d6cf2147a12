"""What the config's generation arguments mean for any family, and answers that are none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.models import is_out_of_memory
from tasks.nouns import InputError
from tests.runners.asking import PROMPTS, answer, load, pictures

Build = Callable[[str], Path]


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


def test_out_of_memory_is_recognised() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory"))
