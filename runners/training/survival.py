"""What a training survives: kill -9, SIGTERM, a full disk, too little memory, a loss that is no number.

A checkpoint is a folder `checkpoints/<n>-<stage>/checkpoint-<step>` that holds `whole.json`, written last: one that
was torn by a kill or a full disk has none, and is removed when the training is started again.

    with until_sigterm() as asked: ...      # asked() is True once SIGTERM came: write a checkpoint, then exit 143
"""

from __future__ import annotations

import errno
import json
import math
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from runners.models import is_out_of_memory
from runners.training.config import TrainConfig
from runners.training.launch import Way
from tasks.files import write_whole
from tasks.nouns import InputError

WHOLE = "whole.json"
BAD_BATCH = "bad_batch.json"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_SIGNS = ("no space left", "disk quota", "file too large", "storagefull", "write failed", "inline_container")
"""Of a full disk, in the words of Rust, of the system, and of torch.save."""


class TrainingStopped(Exception):
    """The training cannot go on as it is set up; the message says why and what to do, and what is kept."""


class BadLoss(TrainingStopped):
    """The loss is not a finite number; the batch is saved."""


@contextmanager
def until_sigterm() -> Iterator[Callable[[], bool]]:
    """Meanwhile SIGTERM only sets a flag, which the yielded function tells: the step under way is finished first."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGTERM, before)


def mark_whole(checkpoint: Path, step: int, *, way: Way = "ddp", processes: int = 1) -> None:
    """Say that `checkpoint` is complete, and by which processes it was written."""
    write_whole(checkpoint / WHOLE, json.dumps({"step": step, "way": way, "processes": processes}) + "\n")


def require_readable(checkpoint: Path, *, way: Way, processes: int) -> None:
    """InputError when the optimizer's state in `checkpoint` cannot be read by these processes.

    Each way keeps it in a form of its own, DeepSpeed in one for each process.
    """
    before = {"way": "ddp", **json.loads((checkpoint / WHOLE).read_text(encoding="utf-8"))}
    if before["way"] != way:
        plain, launched = "without `accelerate launch`", "with runners/training/{}.yaml"
        here, there = (plain if name == "ddp" else launched.format(name) for name in (way, before["way"]))
        raise InputError(f"{checkpoint} is of a training started {there}, this one is started {here}: go on as before")
    if way == "deepspeed" and before["processes"] != processes:
        raise InputError(
            f"{checkpoint}: DeepSpeed goes on with as many processes as before alone, {before['processes']}: set "
            "num_processes"
        )


def last_checkpoint(folder: Path) -> Path | None:
    """The latest whole checkpoint in `folder`; torn ones are removed."""
    for path in folder.glob("checkpoint-*"):
        if not (path / WHOLE).is_file():
            shutil.rmtree(path, ignore_errors=True)
    return next(iter(_latest_first(folder)), None)


def keep_last(folder: Path, number: int) -> None:
    """Remove all but the latest `number` checkpoints."""
    for path in _latest_first(folder)[number:]:
        shutil.rmtree(path, ignore_errors=True)


def refuse_bad_loss(loss: float, folder: Path, facts: Mapping[str, Any]) -> None:
    """BadLoss when `loss` is not a number, after the batch's image ids and the step are written to `folder`."""
    if math.isfinite(loss):
        return
    path = folder / BAD_BATCH
    write_whole(path, json.dumps({"loss": str(loss), **facts}, ensure_ascii=False, indent=1) + "\n")
    ids = ", ".join(facts["image_ids"][:8])
    raise BadLoss(
        f"the loss is {loss} at step {facts['step']}, images {ids} (all: {path}). Nothing after the last checkpoint "
        "was kept. Look at these images and their references; then lower optimization.learning_rate, raise "
        "optimization.warmup, or compute in bfloat16 or float32 (optimization.precision)"
    )


@contextmanager
def explained(config: TrainConfig, folder: Path) -> Iterator[None]:
    """A full disk and too little memory as messages that say what is kept and what to change."""
    try:
        yield
    except (OSError, RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise TrainingStopped(out_of_memory_advice(config)) from error
        if _is_full(error):
            free = shutil.disk_usage(folder).free / 2**30
            raise InputError(
                f"{folder}: the disk is full ({free:.1f} GiB free): {error}\nthe last whole checkpoint is kept; make "
                "room, then go on with the same command. `keep: 1` takes less"
            ) from error
        raise


def out_of_memory_advice(config: TrainConfig) -> str:
    """What to change, the most effective first; only what this config has not changed yet."""
    settings = config.optimization
    ways = [
        (
            f"optimization.batch_size={max(1, settings.batch_size // 2)} "
            f"optimization.accumulation={settings.accumulation * 2} (the same effective batch)",
            settings.batch_size > 1,
        ),
        ("optimization.gradient_checkpointing=true (slower by about a third)", not settings.gradient_checkpointing),
        ("model.max_pixels=501760, for a model with dynamic resolution", config.model.max_pixels is None),
        ("quantization=nf4", config.quantization == "none" and all(stage.how == "lora" for stage in config.stages)),
        ("optimization.optimizer=paged_adamw_8bit", settings.optimizer == "adamw"),
        (f"optimization.max_tokens={settings.max_tokens // 2}, if no answer is cut then", settings.max_tokens > 256),
        ("how: lora for every stage", any(stage.how == "full" for stage in config.stages)),
    ]
    lines = "\n".join(f"  {way}" for way, helps in ways if helps)
    return (
        f"out of memory. What helps, the most effective first (under another --name, it is another training):\n{lines}"
    )


def _latest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)


def _is_full(error: BaseException) -> bool:
    chain: Sequence[BaseException | None] = (error, error.__cause__, error.__context__)
    if any(isinstance(link, OSError) and link.errno in _FULL for link in chain):
        return True
    text = " ".join(str(link) for link in chain if link is not None).lower()
    return any(sign in text for sign in _FULL_SIGNS)
