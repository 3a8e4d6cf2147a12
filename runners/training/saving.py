"""What a training leaves: the parts each stage trained, and one adapter or one checkpoint that a run takes.

    stages/1-vision/parts.safetensors      the tensors of this stage, under their canonical names
    stages/1-vision/manifest.json          stage, parts, base model, hashes; `after`: the hash of the stage before
    adapter/                               LoRA stages alone: one peft adapter, `adapters: [{path: .../adapter}]`
    model/                                 with a stage trained in full: a whole checkpoint, `model: {name: .../model}`

The base model and the parts, put in their order, are the trained model bit for bit (`restore`).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Literal

import torch

from runners.checkpoints import read_json, read_tensors
from runners.models.merging import copy_processor
from runners.training.config import Stage
from runners.training.network import Trainee
from runners.training.parts import ADAPTER, canonical, whole
from tasks.files import hash_file, write_whole
from tasks.nouns import InputError

PARTS = "parts.safetensors"
MANIFEST = "manifest.json"


def stage_folder(folder: Path, number: int, stage: Stage) -> Path:
    """Where stage `number`, counted from 1, of the training in `folder` is kept."""
    return folder / "stages" / f"{number}-{stage.name}"


def tensors_of(network: torch.nn.Module, names: Sequence[str]) -> dict[str, torch.Tensor]:
    """These weights on the CPU, by their canonical names; every process of a training must ask."""
    weights = dict(network.named_parameters())
    return {canonical(name): whole(weights[name].detach()).cpu().contiguous() for name in names}


def put_tensors(network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], where: Path) -> None:
    """Copy saved weights into the network; InputError when one has no place or another size."""
    weights = {canonical(name): weight for name, weight in network.named_parameters()}
    for name, tensor in tensors.items():
        if name not in weights or weights[name].shape != tensor.shape:
            raise InputError(
                f"{where}: {name} {tuple(tensor.shape)} has no place in this model: was its config changed?"
            )
        with torch.no_grad():
            weights[name].copy_(_sharded_as(weights[name], tensor))


def _sharded_as(weight: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(weight, DTensor):
        return tensor
    return distribute_tensor(tensor.to(weight.device, weight.dtype), weight.device_mesh, weight.placements)


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write a safetensors file in one step, so that a stop leaves no part of one; OSError when the disk is full."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        save_file(dict(tensors), beside, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {error}") from error
    else:
        _as_any_new_file(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file; InputError when it is damaged."""
    return read_tensors(path, mend="train again under another name")


def save_stage(
    folder: Path, number: int, stage: Stage, tensors: Mapping[str, torch.Tensor], *, base: str
) -> dict[str, Any]:
    """Save the `tensors` that stage `number` trained on the model of identity `base`; returns the manifest.

    The manifest is written last: with it the stage is finished.
    """
    here = stage_folder(folder, number, stage)
    save_tensors(here / PARTS, tensors)
    manifest = {
        "stage": number,
        "name": stage.name,
        "how": stage.how,
        "parts": list(stage.train),
        "base": base,
        "after": _hash_before(folder, number),
        "file": PARTS,
        "sha256": hash_file(here / PARTS),
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "tensors": sorted(tensors),
    }
    write_whole(here / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return manifest


def finished_stages(folder: Path, stages: Sequence[Stage]) -> int:
    """How many stages of the training in `folder` are saved, from the first on."""
    done = 0
    while done < len(stages) and (stage_folder(folder, done + 1, stages[done]) / MANIFEST).is_file():
        done += 1
    return done


def restore(folder: Path, stages: Sequence[Stage], trainee: Trainee) -> None:
    """Put what `stages` trained into a fresh base model, in their order: the network they left, bit for bit.

    InputError when a file was changed, or belongs to another base model or another order.
    """
    for number, stage in enumerate(stages, start=1):
        here = stage_folder(folder, number, stage)
        manifest = read_json(here / MANIFEST)
        said = {key: manifest.get(key) for key in ("base", "after", "sha256")}
        now = {
            "base": trainee.base.identity,
            "after": _hash_before(folder, number),
            "sha256": hash_file(here / PARTS) if (here / PARTS).is_file() else None,
        }
        if wrong := [key for key in said if said[key] != now[key]]:
            what = {"base": "another base model", "after": "another stage before it", "sha256": "other weights"}
            raise InputError(f"{here}: its manifest speaks of {what[wrong[0]]}; train again under another name")
        put_tensors(trainee.network, load_tensors(here / PARTS), here / PARTS)


def save_result(
    folder: Path, stages: Sequence[Stage], trainee: Trainee, *, write: bool = True
) -> tuple[Literal["adapter", "model"], Path]:
    """Write what a run takes: `adapter/` when every stage trained by LoRA, else `model/`; which, and where.

    Every process of a training must call it, one of them with `write`: weights may be sharded between them.
    """
    kind: Literal["adapter", "model"] = "adapter" if all(stage.how == "lora" for stage in stages) else "model"
    network = trainee.network
    if kind == "adapter":
        names = [name for name, _ in network.named_parameters() if ".lora_" in name]
        tensors = {f"base_model.model.{name}": tensor for name, tensor in tensors_of(network, names).items()}
        if write:
            with _whole_folder(folder / kind) as fresh:
                config = copy(trainee.handle.peft_config[ADAPTER])
                config.inference_mode = True
                config.save_pretrained(fresh)
                save_tensors(fresh / "adapter_model.safetensors", tensors)
        return kind, folder / kind
    if trainee.handle is not None:
        network = trainee.handle.merge_and_unload(safe_merge=True)
    state = {name: whole(tensor).cpu() for name, tensor in network.state_dict().items()}
    if write:
        with _whole_folder(folder / kind) as fresh:
            network.save_pretrained(fresh, state_dict=state)
            copy_processor(trainee.folder, fresh)
    return kind, folder / kind


def _hash_before(folder: Path, number: int) -> str | None:
    """Of the manifest of the stage before `number`; None for the first."""
    before = next(iter(folder.glob(f"stages/{number - 1}-*/{MANIFEST}")), None)
    return None if before is None else hash_file(before)


def _as_any_new_file(path: Path) -> None:
    """safetensors makes its files private; weights are to be read by others like any new file."""
    if path.is_file():
        umask = os.umask(0)
        os.umask(umask)
        path.chmod(0o666 & ~umask)


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of `folder` when the block ends well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        fresh = Path(beside) / folder.name
        fresh.mkdir()
        yield fresh
        for path in fresh.iterdir():
            _as_any_new_file(path)
        if folder.is_dir():
            shutil.rmtree(folder)
        fresh.rename(folder)
