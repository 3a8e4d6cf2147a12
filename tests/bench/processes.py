"""Wall time, processor time and peak memory of commands, each as its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLI = [sys.executable, str(ROOT / "imageclef.py")]


@dataclass(frozen=True)
class Cost:
    """What a command cost."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system, of the process and its children."""
    peak: float
    """Largest resident memory of the process, MB."""
    output: str


def cost_of(command: list[str], *, cwd: Path | None = None) -> Cost:
    """Run `command` to its end; RuntimeError with its output when it fails."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd or ROOT
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, output)
