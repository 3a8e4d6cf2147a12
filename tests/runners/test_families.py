"""families.yaml: every family is whole, and a user can find a config of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runners.config import RunConfig
from runners.experiments import load_experiment
from runners.models.families import family_of, known_families
from tasks.nouns import InputError
from tests.runners.tiny import FAMILIES

CONFIGS = [
    path for path in sorted(Path(__file__).parents[2].glob("configs/*/*.yaml")) if not path.name.startswith("train-")
]
NO_CONFIG = {"llava_llama"}
"""The original LLaVA-1.5: the same model has a config in transformers' layout."""


@pytest.mark.parametrize("name", known_families())
def test_a_family_is_whole(name: str) -> None:
    family = family_of(name)
    assert family.title and family.known
    if family.original is not None:
        return
    assert set(family.lora) >= {"vision", "language"}
    assert family.lora["language"] and all(re.compile(pattern) for pattern in family.lora.values())
    assert len(family.unquantized) > 1, "its vision half would be quantized"
    assert "{prompt}" in family.form
    parameters = [size["parameters"] for size in family.sizes]
    assert parameters == sorted(parameters) and parameters
    for size in family.sizes:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", size["id"])
        weights = size["parameters"] / 2**30
        assert 0.5 * weights < size["nf4"] < 2 * weights, "neither smaller than 4 bits nor larger than 16"


def test_every_family_is_tried_on_a_tiny_checkpoint() -> None:
    tried = {name.removesuffix("_t5").removesuffix("_bare").removesuffix("_15") for name in FAMILIES}
    assert tried - {"llava_med"} == set(known_families()) - {"llava_mistral", "llava_llama"}


@pytest.mark.parametrize("name", sorted(set(known_families()) - NO_CONFIG))
def test_a_family_has_a_config(name: str) -> None:
    configs = [load_experiment(path).config for path in CONFIGS]
    used = {config.model.name for config in configs if isinstance(config, RunConfig)}
    assert used & {size["id"] for size in family_of(name).sizes}


def test_a_layout_that_cannot_be_loaded_says_which_copy_can() -> None:
    with pytest.raises(InputError, match="-hf"):
        family_of("internvl_chat")


def test_an_unknown_family_is_treated_as_most_are() -> None:
    family = family_of("never_heard_of")
    assert not family.known and family.prompt == "chat" and family.unquantized == ("lm_head",)
