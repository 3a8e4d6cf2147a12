"""Training: the loop against a plain Trainer, the price of evaluation, three ways' memory, 100,000 images.

The loop is what `imageclef train` runs, on the embedded model and data, with the shipped config but fewer images.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from PIL import Image
from rich.console import Console

from evaluation.score import values_of
from runners.config_files import load_as
from runners.training.config import TrainConfig
from runners.training.data import Sample, read_material
from runners.training.evaluate import Evaluator, Scorer
from runners.training.loop import train
from runners.training.parts import lora_targets
from runners.training.stages import plan_stage
from runners.training.trainer import StageTrainer
from tests.bench.corpus import captions
from tests.bench.processes import ROOT
from tests.bench.sides import Row, within
from tests.bench.training_process import train_alone

SHIPPED = ROOT / "configs" / "caption_prediction" / "train-sample.yaml"
STEPS = 24
ROUNDS = 3
SLOWER = 1.05
"""Of a plain Trainer's time, at most."""
APART = 1e-4
"""Between the losses, at most: where two programs resize the images, their pixels differ a little."""
WAYS = {
    "full": "stages=[{name: all, train: [vision, projector, language], how: full}]",
    "LoRA": "quantization=none",
    "QLoRA": "quantization=nf4 optimization.optimizer=paged_adamw_8bit optimization.gradient_checkpointing=true",
}
EVALUATION = 0.1
"""Of the time of a training, at most."""
MANY, FEW = 100_000, 100
"""Images to learn from and to choose by."""
LINKS = 20_000
"""Images that are one file; file systems allow some 65,000."""
MOST = 4000
"""MB."""


class Call(NamedTuple):
    """One call of a method."""

    seconds: float
    """Of CPU."""
    of: Any
    """What it was called on."""


def measure_loop() -> Row:
    """CPU seconds of both, the best of three in turn, from first batch to last checkpoint; the losses of every step."""
    config = load_as(TrainConfig, SHIPPED, [_images(STEPS)]).config
    ours, plain = [], []
    for _ in range(ROUNDS):
        ours.append(_run(config))
        plain.append(_plain(config, ours[-1].of))
    work, collate = ours[0].of.train_dataset, ours[0].of.data_collator
    tokens = sum(int(collate([work[n]])["attention_mask"].sum()) for n in range(len(work)))
    mine, yours = (_losses(calls[0].of) for calls in (ours, plain))
    fast, slow = (min(call.seconds for call in calls) for calls in (ours, plain))
    gap = max(abs(one - other) for one, other in zip(mine, yours, strict=True))
    return within(
        f"training loop against a plain Trainer, LoRA, {STEPS} steps, {len(work)} images; per second of CPU",
        f"{fast / slow:.3f}: {len(work) / fast:.1f} / {len(work) / slow:.1f} images, {tokens / fast:,.0f} / "
        f"{tokens / slow:,.0f} tokens; losses {'identical' if gap == 0 else f'at most {gap:.0e} apart'}",
        reached=fast / slow <= SLOWER and gap <= APART,
        goal=f"at most {SLOWER}, losses at most {APART:.0e} apart",
    )


def measure_evaluation() -> Row:
    """What the evaluations of the shipped config take of its time, from some steps and the first and last of some."""
    shipped = load_as(TrainConfig, SHIPPED).config
    steps = plan_stage(read_material(shipped), shipped, 1, processes=1).steps
    times = 1 + math.ceil(steps / (shipped.evaluation.every or steps))
    with _clocked(Evaluator, "scores") as evaluations, _clocked(StageTrainer, "_save_checkpoint") as saved:
        trained = _run(load_as(TrainConfig, SHIPPED, [_images(STEPS)]).config, score=values_of)
    *meanwhile, final = (call.seconds for call in evaluations)
    saving = sum(call.seconds for call in saved)  # a stage has some ten checkpoints, however long it is
    step = (trained.seconds - sum(meanwhile) - saving) / STEPS
    spent = meanwhile[0] + (times - 1) * meanwhile[-1]
    share = spent / (spent + saving + steps * step)
    images = shipped.evaluation.images
    return within(
        f"evaluation in {SHIPPED.parent.name}/{SHIPPED.name}: {times} times {images} images in {steps} steps",
        f"{share:.1%} of the time: {meanwhile[-1] / step:.0f} steps each; all {len(evaluations[-1].of.predictions)} "
        f"images in the end take {final:.1f} s",
        reached=share <= EVALUATION,
        goal=f"at most {EVALUATION:.0%}",
    )


def measure_ways() -> Row:
    """Private memory that two steps take beyond the imports, in a process for each way."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        parameters = _save_bigger(folder / "model")
        settings = [f"model.name={folder / 'model'}", "data.limit=2 optimization.batch_size=1 optimization.epochs=1"]
        took = {name: train_alone(SHIPPED, folder / name, [*settings, way])[1] for name, way in WAYS.items()}
    lora, quantized = took["LoRA"] / took["full"], took["QLoRA"] / took["full"]
    return within(
        f"memory of a training beyond the imports, {parameters / 1e6:.0f} M parameters: {', '.join(WAYS)}",
        f"{', '.join(f'{megabytes:,.0f}' for megabytes in took.values())} MB: 1, {lora:.2f}, {quantized:.2f}",
        reached=lora <= 0.5 and quantized <= 0.25,
        goal="at most 1, 0.5, 0.25",
    )


def measure_many() -> Row:
    """The most memory of a training on many images, from its config to the second step."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _write_many(folder / "data")
        epochs = 16 / MANY
        settings = [f"data.path={folder / 'data'} optimization.batch_size=8 optimization.epochs={epochs}"]
        cost, beyond = train_alone(SHIPPED, folder / "training", settings, cache=folder / "cache")
    return within(
        f"a training on {MANY:,} images with captions, audited, until its second step",
        f"{cost.peak:,.0f} MB, {beyond:,.0f} of them beyond the imports; {cost.cpu:.0f} s of CPU",
        reached=cost.peak < MOST,
        goal=f"under {MOST:,} MB",
    )


def measure() -> Iterator[Row]:
    """All of it."""
    yield from (way() for way in (measure_loop, measure_evaluation, measure_ways, measure_many))


def _images(steps: int) -> str:
    return f"data.limit={8 * steps} optimization.batch_size=8 optimization.epochs=1 evaluation.every={steps // 2}"


def _run(config: TrainConfig, *, score: Scorer | None = None) -> Call:
    """Train as the verb does; its one stage."""
    with tempfile.TemporaryDirectory() as folder, _clocked(StageTrainer, "train") as stages, _one_thread():
        train(config, "bench", Path(folder) / "bench", score=score, console=Console(quiet=True))
    return stages[0]


def _plain(config: TrainConfig, ours: StageTrainer) -> Call:
    """What a careful user writes with transformers and peft alone; samples, order and settings are ours."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText, PrinterCallback, Trainer

    trainee, work = ours._trainee, ours.train_dataset
    network = AutoModelForImageTextToText.from_pretrained(trainee.folder, dtype=torch.float32)
    targets = lora_targets(network, trainee.model.family, config.stages)
    lora, settings = config.lora, copy(ours.args)
    torch.manual_seed(config.seed)
    adapted = get_peft_model(
        network, LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets)
    )
    settings.train_sampling_strategy = "sequential"
    with tempfile.TemporaryDirectory() as folder, _clocked(Trainer, "train") as calls, _one_thread():
        settings.output_dir = folder
        samples = [work[n] for n in range(len(work))]
        trainer = Trainer(adapted, settings, data_collator=_collator(trainee.folder), train_dataset=samples)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return calls[0]


def _collator(folder: Path) -> Callable[[Sequence[Sample]], Any]:
    """A whole batch at once; what follows the last token of the prompt is learnt."""
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    tokenizer = processor.tokenizer
    tokenizer.padding_side = "right"
    assistant = tokenizer.convert_tokens_to_ids("<assistant>")

    def collate(samples: Sequence[Sample]) -> Any:
        images = [Image.open(BytesIO(sample.example.image.read_bytes())).convert("RGB") for sample in samples]
        texts = []
        for sample in samples:
            content = [{"type": "image"}, {"type": "text", "text": sample.prompt}]
            asked = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
            texts.append(asked + sample.answer + tokenizer.eos_token)
        batch = processor(images=images, text=texts, padding=True, return_tensors="pt")
        ids = batch["input_ids"]
        begins = (ids == assistant).long()
        learnt = (begins.cumsum(1) - begins).bool() & batch["attention_mask"].bool()
        batch["labels"] = ids.masked_fill(~learnt, -100)
        return batch

    return collate


def _losses(trainer: Any) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def _save_bigger(folder: Path) -> int:
    """The embedded model's architecture with more and wider layers, and random weights; how many."""
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    base = ROOT / "runners" / "sample_model" / "base"
    config = AutoConfig.from_pretrained(base)
    sizes = {"hidden_size": 640, "intermediate_size": 1728, "num_attention_heads": 10}
    config.text_config.update({**sizes, "num_hidden_layers": 12, "num_key_value_heads": 10, "head_dim": 64})
    config.vision_config.update({**sizes, "num_hidden_layers": 4})
    torch.manual_seed(0)
    network = AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    network.save_pretrained(folder)
    AutoProcessor.from_pretrained(base).save_pretrained(folder)
    return sum(weight.numel() for weight in network.parameters())


def _write_many(folder: Path) -> None:
    """Captions of their own for images that are links to few files, in the layout of the 2026 release."""
    images = folder / "images"
    images.mkdir(parents=True)
    said = captions(1000).references
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ID", "Caption"])
        for split, count in (("train", MANY), ("valid", FEW)):
            for n in range(count):
                image_id = f"ImageCLEFmedical_Caption_2026_{split}_{n}"
                table.writerow([image_id, f"{said[n % len(said)]} Image {n}."])
                if n % LINKS == 0:
                    first = images / f"{image_id}.png"
                    Image.new("L", (64, 64), zlib.crc32(image_id.encode()) % 256).save(first)
                else:
                    os.link(first, images / f"{image_id}.png")


@contextmanager
def _clocked(kind: type, name: str) -> Iterator[list[Call]]:
    """The calls of a method meanwhile."""
    calls: list[Call] = []
    method = getattr(kind, name)

    def timed(self: Any, *given: Any, **named: Any) -> Any:
        start = time.process_time()
        result = method(self, *given, **named)
        calls.append(Call(time.process_time() - start, self))
        return result

    with patch.object(kind, name, timed):
        yield calls


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
