"""The parts of a model: which weights belong to the vision tower, the projector and the language model.

families.yaml says which linear layers a LoRA adapter of each part targets; every other weight (norms, embeddings,
convolutions, the output head) belongs to the part of the linear layers that stand under the same module.

    planned(network, family, Stage(name="projector", train=("projector",), how="full"))
    # ("model.multi_modal_projector.linear_1.weight", "model.multi_modal_projector.linear_1.bias", ...)

Tensors are named as `network.named_parameters()` names them, files call them by their `canonical` names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch

from runners.models.families import Family
from runners.training.config import Part, Stage
from tasks.nouns import InputError

ADAPTER = "default"
"""The name peft knows the one adapter by that is trained; files do not hold it."""


class Count(NamedTuple):
    """How much trains."""

    tensors: int
    parameters: int


def canonical(name: str) -> str:
    """The name of a tensor that does not depend on whether an adapter is in place: as in a peft file, or the base's."""
    return name.replace(".base_layer.", ".").replace(f".{ADAPTER}.", ".")


def linear_parts(network: torch.nn.Module, family: Family) -> dict[str, Part]:
    """The part of each linear layer that a LoRA adapter can target, by module path.

    InputError when the family has no patterns, or two parts claim one layer.
    """
    if not family.lora:
        raise InputError(
            f"model type '{family.model_type}' cannot be trained yet: say in runners/models/families.yaml, under "
            "`lora`, which linear layers are its vision, projector and language"
        )
    found: dict[str, Part] = {}
    for name, module in network.named_modules():
        if ".lora_" in name or not _is_linear(module):
            continue
        path = name.removesuffix(".base_layer")
        claims = [part for part, pattern in family.lora.items() if re.fullmatch(pattern, path)]
        if len(claims) > 1:
            raise InputError(f"families.yaml: {path} of {family.model_type} belongs to {' and '.join(claims)}: mend it")
        if claims:
            found[path] = claims[0]  # type: ignore[assignment]
    return found


def parts_of(network: Any, family: Family) -> dict[str, Part]:
    """The part of every weight of the base model, by its canonical name."""
    below: defaultdict[str, set[Part]] = defaultdict(set)
    for path, part in linear_parts(network, family).items():
        names = path.split(".")
        for depth in range(len(names) + 1):
            below[".".join(names[:depth])].add(part)
    head = network.get_output_embeddings()
    heads = {id(weight) for weight in head.parameters()} if head is not None else set()
    return {
        canonical(name): "language" if id(weight) in heads else _part(canonical(name), below)
        for name, weight in network.named_parameters()
        if ".lora_" not in name
    }


def lora_targets(network: torch.nn.Module, family: Family, stages: Iterable[Stage]) -> str:
    """The pattern of the layers that the adapter of all stages targets; empty when no stage trains by LoRA.

    InputError when a stage names a part without such layers.
    """
    wanted = [part for stage in stages if stage.how == "lora" for part in stage.train]
    there = set(linear_parts(network, family).values())
    if missing := [part for part in dict.fromkeys(wanted) if part not in there]:
        raise InputError(
            f"stages: {family.model_type} has no linear layers in its {missing[0]}, which LoRA needs: take it out of "
            f"`train` (there are: {', '.join(sorted(there))}), or train it with `how: full`"
        )
    return "|".join(family.lora[part] for part in dict.fromkeys(wanted))


def planned(network: Any, family: Family, stage: Stage) -> tuple[str, ...]:
    """The tensors that `stage` trains; InputError when a part it names has none."""
    names: dict[Part, list[str]] = {part: [] for part in stage.train}
    linears, weights = linear_parts(network, family), parts_of(network, family)
    for name, _ in network.named_parameters():
        if stage.how == "lora":
            part = linears.get(name.partition(".lora_")[0]) if ".lora_" in name else None
        else:
            part = weights.get(canonical(name)) if ".lora_" not in name else None
        if part in names:
            names[part].append(name)
    if empty := [part for part, tensors in names.items() if not tensors]:
        raise InputError(
            f"stage '{stage.name}': {family.model_type} has nothing to train in its {empty[0]} with how: {stage.how}"
        )
    return tuple(name for tensors in names.values() for name in tensors)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor`, put together when it is sharded between processes (FSDP); then every process must ask."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def count(network: torch.nn.Module, names: Iterable[str]) -> Count:
    """How many tensors these are, and how many parameters they hold."""
    weights = dict(network.named_parameters())
    sizes = [weights[name].numel() for name in names]
    return Count(len(sizes), sum(sizes))


def trainable(network: torch.nn.Module) -> tuple[str, ...]:
    """The tensors that an optimizer would get."""
    return tuple(name for name, weight in network.named_parameters() if weight.requires_grad)


def _part(name: str, below: Mapping[str, set[Part]]) -> Part:
    """The part of the nearest module above `name` that holds linear layers of a part."""
    path = name.rpartition(".")[0]
    while path and path not in below:
        path = path.rpartition(".")[0]
    parts = below[path]
    if len(parts) == 1:
        return next(iter(parts))
    # What stands beside several parts joins them; a vision tower may hold its projector (Qwen2-VL's merger).
    return "projector" if "language" in parts else "vision"


def _is_linear(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"
