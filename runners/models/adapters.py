"""LoRA adapters that are truly applied: every tensor of the file lands in the model, and the output changes.

peft loads an adapter whose tensor names do not fit with a warning, and then it does nothing. That happens to
each Qwen2-VL adapter from before transformers 4.52 and to an adapter put on the wrong base model. Here names that
are known to have changed are translated (`eras` in families.yaml) and any other difference is an error.

Several adapters are added up: W + sum of weight_i * delta_i, exactly, each at its own scale.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch

from runners.checkpoints import Checkpoint
from runners.config import Adapter
from runners.models.families import Family
from tasks.nouns import InputError

_PREFIX = "base_model.model."
_KEEPS_BASE = (True, False, "gaussian", "orthogonal", "eva")
"""Ways to initialise a LoRA adapter that leave the base weights alone."""


@dataclass(frozen=True)
class _File:
    """An adapter as it lies on disk."""

    name: str
    checkpoint: Checkpoint
    weight: float
    config: Any
    tensors: Mapping[str, torch.Tensor]

    @property
    def modules(self) -> list[str]:
        """Paths of the modules it has tensors for, as it calls them."""
        return sorted({_module(key) for key in self.tensors})


def apply_adapters(
    network: Any,
    family: Family,
    adapters: Sequence[tuple[Adapter, Checkpoint]],
    *,
    base: str,
    probe: Callable[[], torch.Tensor],
) -> tuple[Any, list[dict[str, Any]]]:
    """Put the adapters on `network`, in place; returns peft's handle on them and one report each.

    `probe` computes some output of the network; an adapter that does not change it is an error.
    """
    from peft import PeftModel

    files = [_read(asked, checkpoint) for asked, checkpoint in adapters]
    _refuse_sums(files)
    handle: Any = None
    names: list[str] = []
    reports = []
    for number, file in enumerate(files):
        era = _era(network, file, family)
        names.append(f"adapter_{number}")
        try:
            config = _fitted(file, era, network)
            if handle is None:
                handle = PeftModel(network, config, adapter_name=names[-1])
            else:
                handle.add_adapter(names[-1], config)
        except (ValueError, TypeError, re.error) as error:
            raise InputError(
                f"adapter {file.name} does not fit {base}, or its adapter_config.json is damaged: {error}"
            ) from error
        reports.append(_load(handle, names[-1], file, era, base=base))
    _scale(network, dict(zip(names, (file.weight for file in files), strict=True)))
    network.eval()  # peft makes its layers, dropout among them, in train mode
    for name, file, report in zip(names, files, reports, strict=True):
        handle.base_model.set_adapter([name])
        report["probe_difference"] = _difference(handle, probe, file.name)
    handle.base_model.set_adapter(names)
    network.requires_grad_(requires_grad=False)
    return handle, reports


def _read(asked: Adapter, checkpoint: Checkpoint) -> _File:
    from peft import LoraConfig, PeftConfig
    from safetensors.torch import load_file

    weights = checkpoint.path / "adapter_model.safetensors"
    if not weights.is_file() or not (checkpoint.path / "adapter_config.json").is_file():
        raise InputError(
            f"adapter {asked.path} is no LoRA adapter: {checkpoint.path} lacks adapter_config.json or "
            "adapter_model.safetensors. A whole model goes under model.name; a subfolder is named with `subfolder`"
        )
    try:
        config = PeftConfig.from_pretrained(str(checkpoint.path))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"adapter {asked.path}: its adapter_config.json cannot be used: {error}") from error
    if not isinstance(config, LoraConfig):
        raise InputError(f"adapter {asked.path} is of type {config.peft_type}; only LORA adapters are supported")
    if config.init_lora_weights not in _KEEPS_BASE:
        raise InputError(
            f"adapter {asked.path} was initialised with '{config.init_lora_weights}', which changes the base model "
            "too: save it again with peft's path_initial_model_for_weight_conversion"
        )
    tensors = load_file(weights)
    if bad := sorted(key for key, tensor in tensors.items() if not tensor.isfinite().all()):
        raise InputError(
            f"adapter {asked.path}: {len(bad)} of its {len(tensors)} tensors hold values that are no numbers, "
            f"{bad[0]} is the first: its training diverged, take an earlier checkpoint of it"
        )
    return _File(asked.path, checkpoint, asked.weight, config, tensors)


def _refuse_sums(files: Sequence[_File]) -> None:
    """A weighted sum is exact for plain LoRA matrices only."""
    plain = len(files) == 1 and files[0].weight == 1
    for file in files:
        extra = {
            "modules_to_save": file.config.modules_to_save,
            "use_dora": file.config.use_dora,
            "bias": file.config.bias != "none",
        }
        if not plain and any(extra.values()):
            used = ", ".join(key for key, value in extra.items() if value)
            raise InputError(
                f"adapter {file.name} uses {used}, which cannot be weighted or added to another adapter: use it "
                "alone with weight 1, or merge it into the base first"
            )


def _module(key: str) -> str:
    path = re.split(r"\.lora_", key.removeprefix(_PREFIX), maxsplit=1)[0]
    return path if ".lora_" in key else path.rpartition(".")[0]


def _renamed(path: str, era: Mapping[str, str]) -> str:
    """The name today of what was called `path` in `era`."""
    for old, new in era.items():
        if path.startswith(old):
            return new + path.removeprefix(old)
    return path


def _called(path: str, era: Mapping[str, str]) -> str:
    """What today's `path` was called in `era`."""
    return _renamed(path, {new: old for old, new in era.items()})


def _era(network: Any, file: _File, family: Family) -> Mapping[str, str]:
    """The era whose names fit the adapter best; today's names first."""
    modules = {name for name, _ in network.named_modules()}
    return max(
        ({}, *family.eras),
        key=lambda era: sum(_renamed(path, era) in modules for path in file.modules),
    )


def _fitted(file: _File, era: Mapping[str, str], network: Any) -> Any:
    """The adapter's config with the modules it targets named in full, as they are called today."""
    from peft.tuners.tuners_utils import check_target_module_exists

    config = copy(file.config)
    names = {name.replace(".base_layer", "") for name, module in network.named_modules() if ".lora_" not in name}
    if config.target_modules in (None, "all-linear"):
        with_lora = {_module(key) for key in file.tensors if ".lora_" in key}
        config.target_modules = {_renamed(path, era) for path in with_lora} & names
    else:
        config.target_modules = {n for n in names if n and check_target_module_exists(config, _called(n, era))}
    config.exclude_modules = config.layers_to_transform = config.layers_pattern = None
    for key in ("rank_pattern", "alpha_pattern"):
        setattr(config, key, {_renamed(path, era): value for path, value in getattr(config, key).items()})
    if config.modules_to_save:
        config.modules_to_save = [_renamed(path, era) for path in config.modules_to_save]
    config.init_lora_weights = True
    config.inference_mode = True
    return config


def _load(handle: Any, name: str, file: _File, era: Mapping[str, str], *, base: str) -> dict[str, Any]:
    """Copy the tensors in; InputError unless each finds its place, and each place its tensor."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    def state() -> dict[str, torch.Tensor]:
        tensors: dict[str, torch.Tensor] = get_peft_model_state_dict(
            handle, adapter_name=name, save_embedding_layers=False
        )
        return tensors

    expected = state()
    tensors = {}
    for key, tensor in file.tensors.items():
        path = key.removeprefix(_PREFIX)
        tensors[_PREFIX + _renamed(path, era) if path != key else key] = tensor
    _compare(file, base, expected, tensors)
    set_peft_model_state_dict(handle, dict(tensors), adapter_name=name)
    now = state()
    applied = sum(torch.equal(now[key].cpu(), tensor.to(now[key].dtype)) for key, tensor in tensors.items())
    if applied != len(tensors):
        raise InputError(
            f"adapter {file.name}: only {applied} of its {len(tensors)} tensors reached {base}; its format is "
            "newer or older than the installed peft understands"
        )
    trained_on = str(file.config.base_model_name_or_path or "")
    if trained_on and _last(trained_on) not in {_last(base), _last(handle.base_model.model.name_or_path)}:
        logging.getLogger(__name__).warning(
            "adapter %s says it was trained on %s, and is applied to %s", file.name, trained_on, base
        )
    return {
        "path": file.name,
        "identity": file.checkpoint.identity,
        "weight": file.weight,
        "rank": file.config.r,
        "trained_on": trained_on,
        "tensors_expected": len(expected),
        "tensors_applied": applied,
        "tensors_renamed": sum(key not in file.tensors for key in tensors),
    }


def _compare(file: _File, base: str, expected: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]) -> None:
    shapes = (
        f"{key} is {tuple(tensors[key].shape)}, the model needs {tuple(expected[key].shape)}"
        for key in sorted(expected.keys() & tensors.keys())
        if expected[key].shape != tensors[key].shape
    )
    differences = [
        *_listed("the file lacks", sorted(expected.keys() - tensors.keys())),
        *_listed("the model has no place for", sorted(tensors.keys() - expected.keys())),
        *_listed("of another size", shapes),
    ]
    if differences:
        trained_on = file.config.base_model_name_or_path or "an unnamed model"
        raise InputError(
            f"adapter {file.name} does not fit {base} (it says it was trained on {trained_on}):\n"
            + "\n".join(differences)
            + "\n  Use the base model it was trained on. Names that changed between versions of a library belong "
            "in runners/models/families.yaml, under `eras`"
        )


def _listed(what: str, items: Iterable[str]) -> list[str]:
    found = list(items)
    if not found:
        return []
    more = [f"    ... and {len(found) - 10} more"] if len(found) > 10 else []
    return [f"  {what} {len(found)} tensors:", *(f"    {item}" for item in found[:10]), *more]


def _scale(network: torch.nn.Module, weights: Mapping[str, float]) -> None:
    for module in network.modules():
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, dict):
            for name in scaling.keys() & weights.keys():
                scaling[name] *= weights[name]


def _difference(handle: Any, probe: Callable[[], torch.Tensor], name: str) -> float:
    """The largest change of the probe's output by the active adapter."""
    adapted = probe()
    with handle.disable_adapter():
        plain = probe()
    difference = float((adapted - plain).abs().max())
    if math.isnan(difference):
        raise InputError(
            f"adapter {name} makes the output not a number in this precision: set model.dtype to bfloat16 or float32"
        )
    if difference == 0:
        raise InputError(
            f"adapter {name} changes nothing: the output with it equals the output without it. Its weight is 0, or "
            "it was saved before training"
        )
    return difference


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()
