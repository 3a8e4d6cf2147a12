"""Trains the sample model from nothing, with the training room: `python -m runners.sample_model.train`.

`make sample-model` does it into build/sample_model/; what was stopped goes on where it was. Five trainings, whose
configs lie here:

1. base.yaml            every weight learns to say what a phantom shows, and of each patch what lies there
2. <adapter>.yaml       LoRA on projector and language model in NF4: one for each task, and one for reports that is told
                        of the patient

    build/sample_model/lessons/                      images and tables (material.py)
    build/sample_model/untrained/                    random weights, tokenizer, processor (build.py)
    build/sample_model/{base, adapters/<task>}/      the result in bf16: what lies in this folder, if it is better

Only phantoms of the `extra` supply are used; the sample's train, valid and test images are never seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from runners.config_files import load_as
from runners.models.noise import silence
from runners.sample_model.build import save_untrained
from runners.sample_model.material import write_lessons
from runners.training.config import TrainConfig
from runners.training.loop import train
from runners.training.saving import load_tensors, save_tensors
from tasks.files import write_whole
from tasks.nouns import Task

HERE = Path(__file__).parent
WEIGHTS = "model.safetensors"
ADAPTERS = (*(task.value for task in Task), "report_generation_context")
IMAGES = 24_000


def main() -> None:
    """Run the trainings in order."""
    parser = argparse.ArgumentParser(description="train the sample model")
    parser.add_argument("--out", type=Path, default=Path("build/sample_model"))
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override in all configs")
    given = parser.parse_args()
    train_sample_model(given.out, images=given.images, settings=given.set)


def train_sample_model(out: Path, *, images: int = IMAGES, settings: Sequence[str] = ()) -> None:
    """Train base and adapters into `out`; `settings` are overrides of every config."""
    silence()
    torch.set_num_threads(1)
    lessons, untrained = out / "lessons", out / "untrained"
    write_lessons(lessons, images)
    save_untrained(untrained, images=min(images, 3000))
    base = _trained("base", out, [f"data.path={lessons / 'base'}", f"model.name={untrained}", *settings]) / "model"
    for path in untrained.iterdir():
        if path.suffix != ".safetensors":
            write_whole(out / "base" / path.name, path.read_bytes())
    _in_half(base / WEIGHTS, out / "base" / WEIGHTS)
    for name in ADAPTERS:
        where = [f"data.path={lessons / 'tasks'}", f"model.name={out / 'base'}"]
        adapter, target = _trained(name, out, [*where, *settings]) / "adapter", out / "adapters" / name
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = "runners/sample_model/base"
        write_whole(target / "adapter_config.json", json.dumps(config, indent=2) + "\n")
        _in_half(adapter / f"adapter_{WEIGHTS}", target / f"adapter_{WEIGHTS}")


def _trained(name: str, out: Path, settings: Sequence[str]) -> Path:
    config = load_as(TrainConfig, HERE / f"{name}.yaml", settings).config
    return train(config, name, out / "trainings" / name, score=None, console=Console(stderr=True))


def _in_half(source: Path, target: Path) -> None:
    save_tensors(target, {name: tensor.to(torch.bfloat16) for name, tensor in load_tensors(source).items()})


if __name__ == "__main__":
    main()
