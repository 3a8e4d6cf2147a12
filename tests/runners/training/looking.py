"""Small trainings that are looked at while they train: a config, a scorer, a trainer of plain transformers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from runners.training.collate import Collator
from runners.training.config import TrainConfig
from runners.training.data import Material, Sample, samples_of
from runners.training.evaluate import Evaluator
from runners.training.evaluation_callback import EvaluationCallback
from runners.training.network import Trainee, open_for_training
from runners.training.record import Losses, LossLog, Record, new_training
from tasks.nouns import Task, Value


def config_of(**changes: Any) -> TrainConfig:
    """A training of concepts on eight images of the sample, for seconds."""
    wanted = {
        "task": "concept_detection",
        "data": {"path": "sample", "limit": 8},
        "model": {"name": "sample"},
        "prompt": {"name": "concepts"},
        "optimization": {"batch_size": 2, "accumulation": 1},
        "generation": {"max_new_tokens": 12},
        "evaluation": {"every": 2, "images": 3},
        **changes,
    }
    return TrainConfig.model_validate(wanted)


def exact(predictions: Mapping[str, Value], references: Mapping[str, Value], task: Task, year: int) -> dict[str, float]:
    """Share of equal answers, and their token F1."""
    assert predictions.keys() == references.keys()
    random.random(), np.random.rand(), torch.rand(1)  # a scorer may draw; the training must not notice
    assert (task, year) == (Task.CONCEPTS, 2026)
    pairs = [(set(predictions[i]), set(references[i])) for i in references]  # type: ignore[arg-type]
    f1 = [2 * len(ours & theirs) / max(1, len(ours) + len(theirs)) for ours, theirs in pairs]
    return {"f1": sum(f1) / len(f1), "exact": sum(a == b for a, b in pairs) / len(pairs)}


def stepper(trainee: Trainee, samples: Sequence[Sample], folder: Path, *, steps: int = 4, **arguments: Any) -> Trainer:
    """A trainer that steps through `samples`."""
    for name, parameter in trainee.network.named_parameters():
        parameter.requires_grad_("lora_" in name)
    return Trainer(
        model=trainee.learner,
        args=TrainingArguments(
            folder,
            max_steps=steps,
            per_device_train_batch_size=2,
            learning_rate=1e-3,
            logging_steps=1,
            save_strategy="no",
            remove_unused_columns=False,
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            **arguments,
        ),
        train_dataset=list(samples),
        data_collator=Collator(trainee.model, max_tokens=256),
    )


def losses_of(trainer: Trainer) -> list[float]:
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def watched(
    folder: Path, material: Material, *, config: TrainConfig, score: Any = exact, steps: int = 4, stop_at: int = 0
) -> tuple[EvaluationCallback, Record, list[int], Callable[[], None]]:
    """A training with evaluation, record and losses in `folder`; it goes on from the last checkpoint there."""
    trainee = open_for_training(config)
    stage = config.stages[0]
    evaluator = Evaluator(trainee.model, material, config, score)
    trainer = stepper(trainee, samples_of(material, config, stage), folder / "checkpoints", steps=steps)
    trainer.args.save_strategy, trainer.args.save_steps = "steps", 2
    record = Record.open(folder, new_training(config, "t", material, base=trainee.base, prompt="?"))
    saved: list[int] = []
    callback = EvaluationCallback(
        evaluator,
        stage=stage,
        log=trainer.log,
        save_best=lambda: saved.append(trainer.state.global_step),
        record=record,
    )
    trainer.add_callback(LossLog(Losses(folder, evaluator.names), stage.name))
    trainer.add_callback(callback)
    if stop_at:
        trainer.add_callback(Fall(stop_at))

    def train() -> None:
        before = (folder / "checkpoints").glob("checkpoint-*")
        trainer.train(resume_from_checkpoint=max(map(str, before), default=None))

    return callback, record, saved, train


class Fall(TrainerCallback):  # type: ignore[misc]
    """Dies at a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        if state.global_step == self._step:
            raise KeyboardInterrupt


def scripted(*values: float) -> Callable[..., dict[str, float]]:
    """A scorer that gives these values one after the other, after two before training: a trial and the base model's."""
    left = iter((0.0, 0.7, *values))
    return lambda *_: {"f1": next(left)}
