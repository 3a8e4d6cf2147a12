"""Trains the sample model from nothing: `python -m runners.sample_model.train` (or `make sample-model`).

About 45 minutes on one shared core (several threads lose time unless the cores are quiet). Everything is
seeded; the drawn images and each finished stage are kept in `build/sample_model/`, so a run that was stopped
goes on where it was (delete the folder to start afresh).

1. `vision`   the CLIP tower tells, for each patch, which finding it shows, and for the image all factors
2. `base`     the projector and the language model describe images (tower frozen) and read sample texts
3. adapters   LoRA on language model and projector, on weights rounded to NF4: one per task

Only phantoms of the `extra` supply are used; valid and test images are never seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML

from runners.sample_model.build import build_model, build_processor, build_tokenizer
from runners.sample_model.language import ANSWERS, description, report, round_to_nf4, see, teach_adapter, teach_base
from runners.sample_model.material import Material
from runners.sample_model.vision import train_tower

HERE = Path(__file__).parent
WORK = Path("build/sample_model")
IMAGES = 24_000
EPOCHS = {"vision": 6, "base": 3.0, "concept_detection": 1.5, "caption_prediction": 2.0, "report_generation": 3.0}


def texts(material: Material, count: int) -> list[str]:
    """What the tokenizer is trained on."""
    prompts = [text for languages in load_prompts().values() for text in languages.values()]
    records = [material.record(row) for row in range(count)]
    answers = [answer(record) for record in records for _, answer in ANSWERS.values()]
    return [*prompts * 20, *answers, *(description(r) for r in records), *(report(r) for r in records)]


def load_prompts() -> dict[str, dict[str, str]]:
    """The prompts that this model is asked with; the runner has more, which must not change its tokenizer."""
    path = HERE.parent / "prompts" / "prompts.yaml"
    prompts: dict[str, dict[str, str]] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return {name: prompts[name] for name in ("concepts", "caption", "report", "describe")}


def stage_vision(model: Any, material: Material) -> None:
    """Train the tower, or read it back."""
    check = Material.cached(WORK / "check.npz", 500, start=1_000_000)
    train_tower(model.model.vision_tower, material, check, epochs=int(EPOCHS["vision"]), out=WORK / "vision.pt")


def stage_base(model: Any, processor: Any, seen: torch.Tensor, material: Material) -> None:
    """Train the language model, or read it back; save the base model in bf16."""
    kept = WORK / "base.pt"
    if kept.exists():
        model.load_state_dict(torch.load(kept, weights_only=True))
    else:
        teach_base(model, processor, seen, material, load_prompts(), epochs=EPOCHS["base"])
        torch.save(model.state_dict(), kept)
    model.bfloat16().save_pretrained(HERE / "base")
    processor.save_pretrained(HERE / "base")
    model.float()


def main() -> None:
    """Run the stages in order."""
    parser = argparse.ArgumentParser(description="train the sample model")
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    WORK.mkdir(parents=True, exist_ok=True)
    material = Material.cached(WORK / "train.npz", IMAGES, workers=threads)
    processor = build_processor(build_tokenizer(texts(material, 3000)))
    model = build_model(processor.tokenizer, seed=1)
    stage_vision(model, material)
    seen = see(model.model.vision_tower, material)
    stage_base(model, processor, seen, material)
    round_to_nf4(model)
    for task in ANSWERS:
        out = HERE / "adapters" / task
        done = WORK / f"{task}.done"
        if not (done.exists() and (out / "adapter_model.safetensors").exists()):
            teach_adapter(model, processor, seen, material, load_prompts(), task=task, epochs=EPOCHS[task], out=out)
            done.touch()


if __name__ == "__main__":
    main()
