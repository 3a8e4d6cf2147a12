"""Which weights belong to which part: every one to exactly one, for every family."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel

from runners.checkpoints import locate
from runners.models.families import Family, family_of
from runners.models.llava_med import loadable
from runners.models.loading import load_network, read_family
from runners.training.config import Stage
from runners.training.parts import ADAPTER, canonical, count, linear_parts, lora_targets, parts_of, planned
from tasks.nouns import InputError
from tests.runners.tiny import FAMILIES

Build = Callable[[str], Path]
Network = Callable[[str], tuple[Any, Family]]


@pytest.fixture(scope="module")
def network(tiny: Build) -> Network:
    """A family's tiny network, and the family; do not change it."""

    @cache
    def load(family: str) -> tuple[Any, Family]:
        folder = loadable(locate(str(tiny(family)))).path
        made, _ = load_network(
            folder, quantization="none", device=torch.device("cpu"), dtype=torch.float32, trust_remote_code=False
        )
        return made, read_family(folder)[0]

    return load


def fresh(network: Network, family: str, *stages: Stage) -> tuple[Any, Family]:
    """A copy of the network with the adapter of `stages`."""
    from copy import deepcopy

    made, row = deepcopy(network(family)[0]), network(family)[1]
    lora = LoraConfig(r=2, target_modules=lora_targets(made, row, stages))
    PeftModel(made, lora, adapter_name=ADAPTER)
    return made, row


@pytest.mark.parametrize("family", FAMILIES)
def test_every_linear_layer_but_the_head_has_one_part(family: str, network: Network) -> None:
    made, row = network(family)
    linears = {name for name, module in made.named_modules() if isinstance(module, torch.nn.Linear)}
    [left] = linears - linear_parts(made, row).keys()
    assert left.endswith(("lm_head", "predictions.decoder"))
    assert parts_of(made, row).get(f"{left}.weight", "language") == "language"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_has_one_part_that_its_name_agrees_with(family: str, network: Network) -> None:
    made, row = network(family)
    parts = parts_of(made, row)
    assert parts.keys() == {name for name, _ in made.named_parameters()}
    for name, part in parts.items():
        if any(word in name for word in ("language_model", "text_model", "text_decoder", "lm_head")):
            assert part == "language", name
        if any(word in name for word in ("merger", "multi_modal_projector", "connector", "qformer", "query_tokens")):
            assert part == "projector", name
        if any(word in name for word in ("patch_embed", "vision_tower.embeddings", "vision_model.embeddings")):
            assert part == "vision", name


@pytest.mark.parametrize("family", ["blip", "llava", "qwen2_vl", "florence2", "vision-encoder-decoder"])
def test_lora_of_a_part_is_that_part_of_the_adapter(family: str, network: Network) -> None:
    row = network(family)[1]
    stages = [Stage(name=part, train=(part,)) for part in row.lora]  # type: ignore[arg-type]
    made, _ = fresh(network, family, *stages)
    plans = [planned(made, row, stage) for stage in stages]
    together = [name for plan in plans for name in plan]
    assert len(together) == len(set(together))
    assert set(together) == {name for name, _ in made.named_parameters() if ".lora_" in name}
    assert all(".lora_" in name for name in together)
    both = planned(made, row, Stage(name="all", train=tuple(row.lora)))  # type: ignore[arg-type]
    assert set(both) == set(together)


def test_a_part_in_full_has_norms_and_embeddings_and_no_adapter(network: Network) -> None:
    made, row = fresh(network, "llava", Stage(name="a", train=("vision", "language")))
    language = {canonical(name) for name in planned(made, row, Stage(name="b", train=("language",), how="full"))}
    assert "model.language_model.embed_tokens.weight" in language and "lm_head.weight" in language
    assert "model.language_model.norm.weight" in language
    assert "model.language_model.layers.0.self_attn.q_proj.weight" in language
    assert not any("lora" in name or "vision" in name or "projector" in name for name in language)
    names = planned(made, row, Stage(name="c", train=("projector",), how="full"))
    weights = dict(made.named_parameters())
    assert count(made, names) == (4, sum(weights[name].numel() for name in names))


def test_a_part_that_is_not_there_is_told(network: Network) -> None:
    made, row = network("blip")
    with pytest.raises(InputError, match=r"no linear layers in its projector.*language, vision"):
        lora_targets(made, row, [Stage(name="a", train=("projector", "language"))])
    with pytest.raises(InputError, match="nothing to train in its projector"):
        planned(made, row, Stage(name="a", train=("projector",), how="full"))
    with pytest.raises(InputError, match=r"cannot be trained yet.*families\.yaml"):
        linear_parts(made, family_of("never_heard_of"))


def test_files_name_tensors_as_peft_and_the_base_do(network: Network) -> None:
    made, _ = fresh(network, "llava", Stage(name="a", train=("language",)))
    names = {canonical(name) for name, _ in made.named_parameters()}
    assert {name for name, _ in network("llava")[0].named_parameters()} <= names
    assert "model.language_model.layers.0.mlp.up_proj.lora_A.weight" in names
