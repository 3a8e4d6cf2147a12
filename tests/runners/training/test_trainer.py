"""The training loop: what stops it loses nothing, several processes are as one, each stage moves what it should."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.training.survival import BadLoss, TrainingStopped
from tasks.nouns import InputError
from tests.runners.training.launching import ROOT, assert_alike, launch, rows
from tests.runners.training.tiny_training import optimization, run, score, settings

Build = Callable[[str], Path]
STAGES = [{"name": "see", "train": ["vision"]}, {"name": "speak", "train": ["projector", "language"]}]
SAME = ("losses.csv", "adapter/adapter_model.safetensors", "adapter/adapter_config.json")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def stopped(tiny: Build, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Trainings that were stopped in every way and started again; and where they lie."""
    out = tmp_path_factory.mktemp("stopped")
    worker = [sys.executable, "-m", "tests.runners.training.interruptions", str(tiny("llava")), str(out)]
    done = subprocess.run(worker, check=True, cwd=ROOT, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report, out / "trainings" / "caption_prediction"


@pytest.mark.parametrize(("way", "status"), [("killed", -9), ("terminated", 143), ("full", 2)])
def test_a_stopped_training_ends_as_an_unbroken_one(
    way: str, status: int, stopped: tuple[dict[str, Any], Path]
) -> None:
    report, trainings = stopped
    assert report["whole"]["status"] == [0], report["whole"]["said"]
    *stops, end = report[way]["status"]
    assert set(stops) == {status} and end == 0, report[way]["said"]
    for name in SAME:
        assert (trainings / way / name).read_bytes() == (trainings / "whole" / name).read_bytes(), name
    record = json.loads((trainings / way / "training.json").read_text(encoding="utf-8"))
    assert record["finished"] and len(record["sessions"]) > 1
    # keep=1: the last checkpoint of each stage, and the best weights.
    for stage in ("1-see", "2-speak"):
        names = [path.name for path in (trainings / way / "checkpoints" / stage).iterdir()]
        assert len([name for name in names if name.startswith("checkpoint-")]) == 1
        assert len([name for name in names if name.startswith("best-")]) == 1


def test_sigterm_writes_a_checkpoint_at_the_step_it_came(stopped: tuple[dict[str, Any], Path]) -> None:
    said = stopped[0]["terminated"]["said"]
    assert said.count("going on from checkpoint-") == 2
    assert said.count("stopped; to go on from the last checkpoint: imageclef ") == 2


def test_sigterm_ends_the_last_evaluation_at_once_and_it_is_done_again(tiny: Build, tmp_path: Path) -> None:
    asked: list[int] = []

    def interrupted(predictions: Any, references: Any, task: Any, edition: int) -> Any:
        asked.append(len(references))
        if len(references) > 2:  # not one of those while training
            os.kill(os.getpid(), signal.SIGTERM)
        return score(predictions, references, task, edition)

    config = settings(tiny("llava"))
    with pytest.raises(SystemExit) as stop:
        run(tmp_path / "stopped", config, score=interrupted)
    assert stop.value.code == 143 and asked[-1] == 4
    assert not (tmp_path / "stopped" / "adapter").exists()
    run(tmp_path / "stopped", config, score=score)
    record = json.loads((tmp_path / "stopped" / "training.json").read_text(encoding="utf-8"))
    assert record["finished"] and record["final"]["images"] == 4
    run(tmp_path / "whole", config, score=score)
    for name in SAME:
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_full_disk_and_a_bad_loss_are_messages(stopped: tuple[dict[str, Any], Path]) -> None:
    report, trainings = stopped
    assert "the disk is full" in report["full"]["said"] and "Traceback" not in report["full"]["said"]
    assert report["diverged"]["status"] == [1] and "the loss is nan at step 2" in report["diverged"]["said"]
    batch = json.loads((trainings / "diverged" / "bad_batch.json").read_text(encoding="utf-8"))
    assert batch["stage"] == "see" and batch["step"] == 2
    assert batch["image_ids"] and batch["image_ids"][0].startswith("ImageCLEFmedical_Caption_2026_train_")
    assert not (trainings / "diverged" / "adapter").exists()


def test_two_processes_learn_as_one_with_the_same_effective_batch(tiny: Build, tmp_path: Path) -> None:
    """Losses and gradients within 1e-5, in float32 and without dropout, whose noise each process draws for itself."""
    common = {"stages": STAGES, "lora": {"rank": 4, "alpha": 8, "dropout": 0.0}}
    whole = optimization(batch_size=2, accumulation=2)
    run(tmp_path / "one", settings(tiny("llava"), **common, optimization=whole), score=score)
    config = tmp_path / "config.json"
    half = settings(tiny("llava"), **common, optimization={**whole, "accumulation": 1})
    config.write_text(json.dumps(half), encoding="utf-8")
    assert launch("several", config, tmp_path / "two") == ""
    assert len(rows(tmp_path / "one")) > 4
    assert_alike(tmp_path / "two", tmp_path / "one", losses=1e-5)
    record = json.loads((tmp_path / "two" / "training.json").read_text(encoding="utf-8"))
    assert record["processes"] == 2
    assert [stage["effective_batch"] for stage in record["stages"]] == [4, 4]


def test_what_two_processes_share_is_saved_whole(tiny: Build, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings(tiny("llava"), stages=STAGES)), encoding="utf-8")
    assert launch("sharded", config, tmp_path) == ""


def test_each_stage_says_what_it_trained(tiny: Build, tmp_path: Path) -> None:
    folder = run(tmp_path / "t", settings(tiny("llava"), stages=STAGES))
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    see, speak = record["stages"]
    assert (see["trainable_tensors"], speak["trainable_tensors"]) == (12, 32)
    assert (see["changed_tensors"], speak["changed_tensors"]) == (12, 32)
    assert (see["trainable_parameters"], speak["trainable_parameters"]) == (3584, 9216)
    assert len(see["without_effect"]) == 12 and not speak["without_effect"]
    assert (see["steps"], see["effective_batch"]) == (6, 2)
    epochs = [float(row["epoch"]) for row in rows(folder) if row["stage"] == "see"]
    assert epochs[-1] == pytest.approx(1.0) and epochs[0] == pytest.approx(1 / 6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_four_bit_with_checkpointing_and_an_eight_bit_optimizer_learns(
    precision: str, tiny: Build, tmp_path: Path
) -> None:
    fast = optimization(
        optimizer="paged_adamw_8bit", gradient_checkpointing=True, epochs=4, learning_rate=2e-2, precision=precision
    )
    config = settings(tiny("qwen2_vl"), quantization="nf4", optimization=fast, evaluation={"every": 5, "images": 2})
    losses = [float(row["train/loss"]) for row in rows(run(tmp_path / "t", config, score=score)) if row["train/loss"]]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_the_best_evaluation_is_what_comes_out(tiny: Build, tmp_path: Path) -> None:
    # Of the references; of the base model; at step 2, 4 and 6; of all images at the end.
    values = iter([0.0, 0.1, 0.3, 0.9, 0.1, 0.2])

    def by_turns(*_: Any) -> dict[str, float]:
        return {"turn": next(values)}

    config = settings(tiny("llava"), evaluation={"every": 2, "images": 2})
    folder = run(tmp_path / "t", config, score=by_turns)
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert record["best"]["step"] == 4 and record["best"]["scores"] == {"turn": 0.9}
    from safetensors.torch import load_file

    parts = load_file(folder / "stages" / "1-language" / "parts.safetensors")
    best = load_file(folder / "checkpoints" / "1-language" / "best-4.safetensors")
    last = load_file(folder / "checkpoints" / "1-language" / "checkpoint-6" / "parts.safetensors")
    assert all(torch.equal(parts[key], best[key]) for key in best)
    assert not all(torch.equal(parts[key], last[key]) for key in last)


def test_a_stage_ends_when_it_gets_no_better(tiny: Build, tmp_path: Path) -> None:
    values = iter([0.0, 0.1, 0.9, *[0.1] * 20])
    config = settings(tiny("llava"), evaluation={"every": 1, "images": 2, "patience": 2})
    folder = run(tmp_path / "t", config, score=lambda *_: {"turn": next(values)})
    assert {row["step"] for row in rows(folder)} == {"0", "1", "2", "3"}


def test_another_config_in_the_same_folder_is_refused_with_its_keys(tiny: Build, tmp_path: Path) -> None:
    folder = run(tmp_path / "t", settings(tiny("llava")))
    before = (folder / "training.json").read_bytes()
    with pytest.raises(InputError, match=r"lora\.rank: 4 -> 8"):
        run(tmp_path / "t", settings(tiny("llava"), lora={"rank": 8, "alpha": 8, "dropout": 0.1}))
    assert (folder / "training.json").read_bytes() == before


def test_a_finished_training_is_left_as_it_is(tiny: Build, tmp_path: Path) -> None:
    folder = run(tmp_path / "t", settings(tiny("llava")))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    run(tmp_path / "t", settings(tiny("llava")))
    assert {path: path.read_bytes() for path in before} == before


def test_what_a_later_stage_lacks_is_told_before_the_first(tiny: Build, tmp_path: Path) -> None:
    late = [STAGES[0], {"name": "ehr", "train": ["language"], "data": "with_context"}]
    with pytest.raises(InputError, match="with_context leaves no image"):
        run(tmp_path / "a", settings(tiny("llava"), stages=late))
    with pytest.raises(InputError, match=r"max_truncated allows 0\.0%"):
        cut = optimization(max_tokens=90, max_truncated=0.0)
        run(tmp_path / "b", settings(tiny("llava"), stages=STAGES, optimization=cut))
    assert not (tmp_path / "a" / "checkpoints").exists() and not (tmp_path / "b" / "checkpoints").exists()


def test_a_learning_rate_that_moves_nothing_is_an_error(tiny: Build, tmp_path: Path) -> None:
    with pytest.raises(TrainingStopped, match="layers as they were"):
        run(tmp_path / "t", settings(tiny("llava"), optimization=optimization(learning_rate=1e-45)))


def test_a_bad_loss_stops_before_the_weights_move(tiny: Build, tmp_path: Path) -> None:
    with pytest.raises(BadLoss):
        run(tmp_path / "t", settings(tiny("blip"), prompt={"text": ""}, optimization=optimization(learning_rate=1e30)))
    assert (tmp_path / "t" / "bad_batch.json").exists()


def test_an_image_that_cannot_be_opened_is_a_message(
    tiny: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks after the audit: the data loader must tell of it without a traceback, and what was done is kept."""
    from runners.training.collate import Collator

    collate, calls = Collator.__call__, iter(range(1000))

    def broken(self: Collator, samples: Any) -> Any:
        if next(calls) == 5:
            raise InputError(f"image {samples[0].example.image_id}: cut short: mend the file")
        return collate(self, samples)

    monkeypatch.setattr(Collator, "__call__", broken)
    with pytest.raises(InputError, match=r"^image ImageCLEF\w+: cut short: mend the file$"):
        run(tmp_path / "t", settings(tiny("llava")))
    assert (tmp_path / "t" / "checkpoints" / "1-language" / "checkpoint-1" / "whole.json").exists()
