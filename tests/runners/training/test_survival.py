"""What a training survives: torn checkpoints, signals, full disks, bad losses."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import pytest

from runners.training.config import TrainConfig
from runners.training.survival import (
    BadLoss,
    TrainingStopped,
    explained,
    keep_last,
    last_checkpoint,
    mark_whole,
    out_of_memory_advice,
    refuse_bad_loss,
    until_sigterm,
)
from tasks.nouns import InputError
from tests.runners.training.tiny_training import optimization, settings


def config(**others: object) -> TrainConfig:
    return TrainConfig.model_validate(settings("sample", **others))


def test_torn_checkpoints_are_removed_and_the_latest_whole_one_is_taken(tmp_path: Path) -> None:
    for step in (2, 10, 9, 30):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "optimizer.pt").write_bytes(b"half")
    assert last_checkpoint(tmp_path / "none") is None
    for step in (2, 9, 10):
        mark_whole(tmp_path / f"checkpoint-{step}", step)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert not (tmp_path / "checkpoint-30").exists()
    keep_last(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9"]


def test_sigterm_is_noted_and_the_handler_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with until_sigterm() as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked()
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), float("-inf")])
def test_a_bad_loss_leaves_its_batch(loss: float, tmp_path: Path) -> None:
    refuse_bad_loss(2.5, tmp_path, {"step": 3, "image_ids": ["a"]})
    assert not list(tmp_path.iterdir())
    with pytest.raises(BadLoss, match=r"step 3, images a, b .*learning_rate"):
        refuse_bad_loss(loss, tmp_path, {"step": 3, "image_ids": ["a", "b"]})
    assert json.loads((tmp_path / "bad_batch.json").read_text(encoding="utf-8")) == {
        "loss": str(loss),
        "step": 3,
        "image_ids": ["a", "b"],
    }


def test_a_full_disk_is_a_message_and_other_errors_stay(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"(?s)disk is full.*last whole checkpoint is kept"),
        explained(config(), tmp_path),
        open("/dev/full", "wb", buffering=0) as full,  # noqa: PTH123 - a device, not a file
    ):
        full.write(b"x")
    with pytest.raises(PermissionError), explained(config(), tmp_path):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(RuntimeError, match="a bug"), explained(config(), tmp_path):
        raise RuntimeError("a bug")


def test_too_little_memory_says_what_helps(tmp_path: Path) -> None:
    with (
        pytest.raises(TrainingStopped, match=r"batch_size=4 optimization\.accumulation=8 \(the same"),
        explained(config(optimization=optimization(batch_size=8, accumulation=4)), tmp_path),
    ):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    stage = {"name": "a", "train": ["language"]}
    small = optimization(batch_size=1, gradient_checkpointing=True, optimizer="paged_adamw_8bit")
    advice = out_of_memory_advice(config(optimization=small, quantization="nf4", stages=[stage]))
    assert not any(word in advice for word in ("batch_size", "gradient_checkpointing", "nf4", "paged", "lora"))
    advice = out_of_memory_advice(config(optimization=small, stages=[{**stage, "how": "full"}]))
    assert "how: lora" in advice and "nf4" not in advice
