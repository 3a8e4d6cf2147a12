"""Evaluation while training: nothing changed by looking, the best kept, the end in time, all of it after a resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runners.training.collate import Collator
from runners.training.data import Material, read_material, samples_of
from runners.training.evaluate import Evaluator
from runners.training.evaluation_callback import EvaluationCallback
from runners.training.network import open_for_training
from runners.training.record import Record, read_losses
from tests.runners.training.looking import config_of, exact, losses_of, scripted, stepper, watched


@pytest.fixture(scope="module")
def material() -> Material:
    return read_material(config_of())


def test_training_is_the_same_with_and_without_evaluation(material: Material, tmp_path: Path) -> None:
    config = config_of()
    samples = samples_of(material, config, config.stages[0])
    plain = losses_of(stepper(open_for_training(config), samples, tmp_path))

    trainee = open_for_training(config)
    evaluator = Evaluator(trainee.model, material, config, exact)
    trainer = stepper(trainee, samples, tmp_path)
    validation = samples_of(replace(material, train=material.valid[:3]), config, config.stages[0])
    callback = EvaluationCallback(
        evaluator,
        stage=config.stages[0],
        log=trainer.log,
        save_best=lambda: None,
        loss=lambda: evaluator.loss(validation, Collator(trainee.model, max_tokens=256)),
    )
    trainer.add_callback(callback)
    assert losses_of(trainer) == plain
    assert len(plain) == 4
    found = [entry for entry in trainer.state.log_history if "eval_f1" in entry]
    assert [entry["step"] for entry in found] == [0, 2, 4]
    assert all(entry["eval_loss"] > 0 and entry["eval_images"] == 3 for entry in found)


def test_a_resumed_training_writes_the_losses_and_evaluations_of_an_unbroken_one(
    material: Material, tmp_path: Path
) -> None:
    config = config_of(evaluation={"every": 1, "images": 2})
    whole, whole_record, whole_saved, train = watched(tmp_path / "whole", material, config=config)
    train()
    _, _, _, train = watched(tmp_path / "broken", material, config=config, stop_at=3)
    with pytest.raises(KeyboardInterrupt):
        train()
    assert [row["step"] for row in read_losses(tmp_path / "broken/losses.csv")][-1] == "3"
    resumed, record, _, train = watched(tmp_path / "broken", material, config=config)
    train()
    assert (tmp_path / "broken/losses.csv").read_bytes() == (tmp_path / "whole/losses.csv").read_bytes()
    rows = read_losses(tmp_path / "whole/losses.csv")
    assert [row["step"] for row in rows if row["train/loss"]] == ["1", "2", "3", "4"]
    assert [row["step"] for row in rows if row["val/f1"]] == ["0", "1", "2", "3", "4"]
    assert (resumed.best, resumed.idle) == (whole.best, whole.idle)

    def timeless(record: Record) -> list[dict[str, Any]]:
        return [{k: v for k, v in e.items() if k != "seconds"} for e in record.content["evaluations"]]

    assert timeless(record) == timeless(whole_record)
    assert [e["step"] for e in timeless(record) if e["best"]] == whole_saved


def test_the_best_is_kept_and_a_stage_that_gets_no_better_ends(material: Material, tmp_path: Path) -> None:
    config = config_of(evaluation={"every": 1, "images": 1, "patience": 2})
    score = scripted(0.1, 0.5, float("nan"), 0.5, 0.9)
    callback, record, saved, train = watched(tmp_path, material, config=config, score=score, steps=8)
    train()
    assert saved == [1, 2, 4], "the base model is never the best, NaN is nothing, of equal ones the later is"
    assert callback.best == (4, 0.5)
    assert record.content["best"]["step"] == 4
    assert [e["step"] for e in record.content["evaluations"]] == [0, 1, 2, 3, 4], "two without a rise end it"
    assert "NaN" not in (tmp_path / "training.json").read_text(encoding="utf-8")


def test_without_a_number_of_steps_a_stage_is_evaluated_at_its_end(material: Material, tmp_path: Path) -> None:
    config = config_of(evaluation={"images": 1})
    _, record, saved, train = watched(tmp_path, material, config=config, steps=3)
    train()
    assert [e["step"] for e in record.content["evaluations"]] == [0, 3]
    assert saved == [3]


def test_four_bit_training_goes_on_after_an_evaluation(material: Material, tmp_path: Path) -> None:
    config = config_of(quantization="nf4", evaluation={"every": 1, "images": 2})
    trainee = open_for_training(config)
    evaluator = Evaluator(trainee.model, material, config, exact)
    samples = samples_of(material, config, config.stages[0])
    trainer = stepper(trainee, samples, tmp_path, steps=3, activation_checkpointing=True)
    found: list[str] = []
    trainer.add_callback(
        EvaluationCallback(
            evaluator, stage=config.stages[0], log=trainer.log, save_best=lambda: found.append(evaluator.metric)
        )
    )
    assert len(losses_of(trainer)) == 3
    assert found[:1] == ["f1"]


@pytest.mark.parametrize("family", ["blip", "qwen2_vl"])
def test_other_families_train_on_after_an_evaluation(
    family: str, material: Material, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    stages = [{"name": "language", "train": ["language"]}]
    config = config_of(
        model={"name": str(tiny(family))}, stages=stages, prompt={"text": ""}, generation={"max_new_tokens": 3}
    )
    samples = samples_of(material, config, config.stages[0])
    plain = losses_of(stepper(open_for_training(config), samples, tmp_path))
    trainee = open_for_training(config)
    evaluator = Evaluator(trainee.model, material, config, exact)
    trainer = stepper(trainee, samples, tmp_path)
    trainer.add_callback(EvaluationCallback(evaluator, stage=config.stages[0], log=trainer.log, save_best=lambda: None))
    assert losses_of(trainer) == plain
