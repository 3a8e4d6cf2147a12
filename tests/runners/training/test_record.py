"""training.json and losses.csv: whole at every moment, of one training only, the same after a resume."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runners.checkpoints import Checkpoint
from runners.training.config import TrainConfig
from runners.training.data import Material
from runners.training.record import (
    Losses,
    LossLog,
    Record,
    loss_summary,
    new_training,
    read_losses,
    read_training,
)
from tasks.concepts import Vocabulary
from tasks.datasets import DataSet
from tasks.editions import load_edition
from tasks.nouns import Example, InputError, Task

BASE = Checkpoint(Path("base"), "sha256:0")


def config_of(**changes: Any) -> TrainConfig:
    wanted = {
        "task": "caption_prediction",
        "data": {"path": "data/mine"},
        "model": {"name": "sample"},
        "prompt": {"text": "Describe."},
        **changes,
    }
    return TrainConfig.model_validate(wanted)


def material_of(captions: Mapping[str, str], vocabulary: Vocabulary | None = None) -> Material:
    examples = [Example(name, Path(f"{name}.jpg"), "train", text) for name, text in captions.items()]
    edition = load_edition(2026, Task.CAPTIONS)
    data = DataSet(Path("data/mine"), "plain", ())
    return Material(examples[:-1], examples[-1:], vocabulary, edition, data, {"leaks": {"ids": {"count": 0}}})


CAPTIONS = {"a": "A chest.", "b": "A hip.", "c": "A hand."}


def content(config: TrainConfig | None = None, captions: Mapping[str, str] = CAPTIONS, **more: Any) -> dict[str, Any]:
    config = config or config_of()
    return new_training(config, "mine", material_of(captions), **{"base": BASE, "prompt": "Describe.", **more})


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    record = Record.open(tmp_path, content())
    record.stage("language", trainable_tensors=8, steps=10)
    record.stage("language", changed_tensors=8)
    record.evaluated(stage="language", step=5, scores={"rouge1": 0.2}, best=True, images=3, failed=0)
    found = read_training(tmp_path)
    assert found == json.loads(json.dumps(record.content))
    assert found is not None
    assert found["stages"] == [{"name": "language", "trainable_tensors": 8, "steps": 10, "changed_tensors": 8}]
    assert found["data"] == {
        "path": "data/mine",
        "layout": "plain",
        "restricted": "",
        "train": 2,
        "valid": 1,
        "audit": {"leaks": {"ids": {"count": 0}}},
    }
    assert Record.open(tmp_path, content()).content == found, "going on changes nothing"


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"config": config_of(seed=7)}, "seed: 42 -> 7"),
        ({"config": config_of(lora={"rank": 4})}, "lora.rank: 16 -> 4"),
        ({"config": config_of(stages=[{"name": "v", "train": ["vision"]}])}, "stages: "),
        ({"config": config_of(data={"path": "data/mine", "balance": 0.5})}, "data.balance: 0.0 -> 0.5"),
        ({"captions": {"a": "A chest.", "b": "A knee.", "c": "A hand."}}, "references: "),
        ({"captions": {"a": "A chest.", "x": "A hip.", "c": "A hand."}}, "train: "),
        ({"base": Checkpoint(Path("base"), "sha256:1")}, "model: sha256:0 -> sha256:1"),
        ({"prompt": "What is it?"}, "prompt: Describe. -> What is it?"),
        ({"processes": 2}, "processes: 1 -> 2"),
    ],
)
def test_another_training_in_the_folder_is_refused(tmp_path: Path, changed: dict[str, Any], key: str) -> None:
    Record.open(tmp_path, content())
    (tmp_path / "losses.csv").touch()
    before = (tmp_path / "training.json").read_bytes()
    with pytest.raises(InputError) as refused:
        Record.open(tmp_path, content(**changed))
    assert key in str(refused.value) and "--name" in str(refused.value)
    assert (tmp_path / "training.json").read_bytes() == before


def test_a_training_that_never_took_a_step_gives_way_to_another(tmp_path: Path) -> None:
    Record.open(tmp_path, content())
    record = Record.open(tmp_path, content(config_of(seed=7)))
    assert record.content == read_training(tmp_path)
    assert record.content["config"]["seed"] == 7
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(InputError, match="seed: 7 -> 42"):
        Record.open(tmp_path, content())


def test_opening_a_record_does_not_write_it(tmp_path: Path) -> None:
    with Record.open(tmp_path, content()).session() as _:
        pass
    path = tmp_path / "training.json"
    os.utime(path, (1, 1))
    Record.open(tmp_path, content())
    assert path.stat().st_mtime == 1


@pytest.mark.parametrize(
    "config",
    [
        config_of(keep=5),
        config_of(report_to=["tensorboard"]),
        config_of(data={"path": "elsewhere/mine"}),
        config_of(model={"name": "sample", "device": "cpu"}),
    ],
)
def test_what_changes_no_weight_does_not_stop_a_resume(tmp_path: Path, config: TrainConfig) -> None:
    Record.open(tmp_path, content())
    Record.open(tmp_path, content(config))


def test_evaluations_of_steps_that_are_trained_again_go(tmp_path: Path) -> None:
    record = Record.open(tmp_path, content())
    record.evaluated(stage="vision", step=9, scores={"f1": 0.1}, best=True)
    record.evaluated(stage="language", step=5, scores={"f1": 0.2}, best=True)
    record.evaluated(stage="language", step=10, scores={"f1": 0.3}, best=True)
    record.evaluated(stage="language", step=10, scores={"f1": 0.25}, best=True)
    assert [(e["stage"], e["step"]) for e in record.content["evaluations"]] == [
        ("vision", 9),
        ("language", 5),
        ("language", 10),
    ]
    record.evaluated(stage="language", step=5, scores={"f1": 0.2}, best=False)
    assert [(e["stage"], e["step"]) for e in record.content["evaluations"]] == [("vision", 9), ("language", 5)]
    assert record.content["best"]["stage"] == "vision"


def test_finished_comes_last_and_a_new_session_takes_it_back(tmp_path: Path) -> None:
    record = Record.open(tmp_path, content())
    with record.session():
        begun = read_training(tmp_path)
        record.finish(scores={"rouge1": float("nan")}, metric="rouge1", images=1, failed=0)
        at_the_end = read_training(tmp_path)
    assert at_the_end is not None
    assert at_the_end["sessions"][0]["seconds"] >= 0, "a card that is made now can tell it"
    assert begun is not None
    assert begun["finished"] is None
    done = read_training(tmp_path)
    assert done is not None
    assert done["finished"]
    assert done["final"] == {"metric": "rouge1", "scores": {"rouge1": None}, "images": 1, "failed": 0}
    [session] = done["sessions"]
    assert session["seconds"] >= 0
    assert {"versions", "git", "hardware", "peak_memory", "command", "started", "ended"} <= session.keys()
    with pytest.raises(KeyboardInterrupt), Record.open(tmp_path, content()).session():
        raise KeyboardInterrupt
    again = read_training(tmp_path)
    assert again is not None
    assert again["finished"] is None
    assert [s["ended"] is not None for s in again["sessions"]] == [True, True]


@pytest.mark.parametrize("text", ["", "[]", '{"config": {}}', "{"])
def test_a_file_that_is_no_record_is_not_written_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "training.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="not a training record"):
        Record.open(tmp_path, content())
    assert (tmp_path / "training.json").read_text(encoding="utf-8") == text


def state_at(step: int, *history: Mapping[str, Any], first: bool = True) -> SimpleNamespace:
    return SimpleNamespace(global_step=step, log_history=list(history), is_world_process_zero=first)


TRAIN = {"loss": 2.5, "learning_rate": 1e-4, "grad_norm": 1.25, "epoch": 0.5}
VALID = {"eval_rouge1": 0.3, "eval_loss": 2.25, "eval_images": 3, "epoch": 0.5}


def test_the_losses_have_the_columns_they_are_known_by(tmp_path: Path) -> None:
    log = LossLog(Losses(tmp_path, ["rouge1"]), "language")
    log.on_train_begin(None, state_at(0), None)
    log.on_log(None, state_at(1), None, logs=TRAIN)
    log.on_log(None, state_at(1), None, logs=VALID)
    log.on_log(None, state_at(1), None, logs={"train_runtime": 3.0, "epoch": 0.5})
    assert (tmp_path / "losses.csv").read_text(encoding="utf-8") == (
        "stage,step,epoch,train/loss,learning_rate,grad_norm,val/loss,val/rouge1\n"
        "language,1,0.5,2.5,0.0001,1.25,,\n"
        "language,1,0.5,,,,2.25,0.3\n"
    )


def test_a_resume_keeps_earlier_stages_and_drops_what_is_trained_again(tmp_path: Path) -> None:
    losses = Losses(tmp_path, ["rouge1"])
    for stage, steps in (("vision", 2), ("language", 3)):
        log = LossLog(losses, stage)
        log.on_train_begin(None, state_at(0), None)
        for step in range(1, steps + 1):
            log.on_log(None, state_at(step), None, logs=TRAIN)
    whole = (tmp_path / "losses.csv").read_bytes()
    with (tmp_path / "losses.csv").open("a", encoding="utf-8") as file:
        file.write("langu")  # killed while writing
    history = [{**TRAIN, "step": step} for step in (1, 2)]
    again = LossLog(Losses(tmp_path, ["rouge1"]), "language")
    again.on_train_begin(None, state_at(2, *history), None)
    again.on_log(None, state_at(3), None, logs=TRAIN)
    assert (tmp_path / "losses.csv").read_bytes() == whole


def test_what_is_logged_before_the_first_step_is_kept_once(tmp_path: Path) -> None:
    for first in (True, False):
        log = LossLog(Losses(tmp_path, ["rouge1"]), "language")
        if first:
            log.on_log(None, state_at(0), None, logs=VALID)
        log.on_train_begin(None, state_at(0, {**VALID, "step": 0}) if first else state_at(0), None)
        if not first:
            log.on_log(None, state_at(0), None, logs=VALID)
        assert [(row["step"], row["val/rouge1"]) for row in read_losses(tmp_path / "losses.csv")] == [("0", "0.3")]


def test_only_one_process_writes(tmp_path: Path) -> None:
    log = LossLog(Losses(tmp_path, ["rouge1"]), "language")
    log.on_train_begin(None, state_at(0, first=False), None)
    log.on_log(None, state_at(1, first=False), None, logs=TRAIN)
    assert not list(tmp_path.iterdir())


def test_losses_in_short(tmp_path: Path) -> None:
    losses = Losses(tmp_path, [])
    losses.restart("vision", [])
    for step, loss in enumerate((3.0, 1.0, 2.0), start=1):
        losses.add("vision", step, {"loss": loss, "epoch": 1.0})
    assert loss_summary(tmp_path / "losses.csv") == {"vision": {"first": 3.0, "lowest": 1.0, "last": 2.0, "steps": 3}}
    assert read_losses(tmp_path / "nothing.csv") == []


def test_references_are_told_apart_whatever_they_hold(tmp_path: Path) -> None:
    """Context is in the prompts, so it belongs to what was learnt."""
    one = material_of(CAPTIONS)
    other = replace(one, train=[replace(one.train[0], context={"age": "68"}), *one.train[1:]])
    prints = [new_training(config_of(), "mine", m, base=BASE, prompt="")["fingerprint"]["sha256"] for m in (one, other)]
    assert prints[0] != prints[1]
