"""Trainings in processes of their own, and what two of them have in common."""

from __future__ import annotations

import csv
import math
import socket
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[3]


def launch(module: str, *words: str | Path, processes: int = 2, config: Path | None = None) -> str:
    """Run a module of this folder in so many processes, by torchrun or with a config by accelerate.

    Returns what they said; empty when they ended well.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    if config is not None:
        by = ["-m", "accelerate.commands.launch", "--config_file", str(config), "--num_processes", str(processes)]
        by += ["--main_process_port", port, "-m"]
    elif processes > 1:
        by = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", port, "-m"]
    else:
        by = ["-m"]
    command = [sys.executable, *by, f"tests.runners.training.{module}", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    return done.stderr[-4000:] or "killed" if done.returncode else ""


def rows(folder: Path) -> list[dict[str, str]]:
    """losses.csv of a training."""
    with (folder / "losses.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_alike(folder: Path, other: Path, *, losses: float) -> None:
    """The same steps and scores, losses and gradients within a share, and adapters: within 1e-3 of each weight."""
    one, two = rows(folder), rows(other)
    assert [row["step"] for row in one] == [row["step"] for row in two]
    for row, same in zip(one, two, strict=True):
        for key in ("train/loss", "grad_norm", "learning_rate", "val/letters"):
            close = row[key] == same[key] or math.isclose(float(row[key]), float(same[key]), rel_tol=losses)
            assert close, (row["stage"], row["step"], key, row[key], same[key])
    ours, theirs = (load_file(path / "adapter" / "adapter_model.safetensors") for path in (folder, other))
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=1e-5)
