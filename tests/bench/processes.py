"""Wall time, processor time and peak memory of commands, each as its own process.

A child's peak memory as the system counts it starts from that of the process it was forked from. So a command is
started by a small process of its own, `python -m tests.bench.processes COMMAND`, and not by the benches.
"""

from __future__ import annotations

import json
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


def cost_of(command: list[str]) -> Cost:
    """Run `command` to its end in the repository's root; RuntimeError with its output when it fails."""
    measuring = [sys.executable, "-m", "tests.bench.processes", *command]
    done = subprocess.run(measuring, capture_output=True, text=True, check=True, cwd=ROOT)
    status, wall, cpu, peak, output = json.loads(done.stdout)
    if status not in {0, 1}:
        raise RuntimeError(f"{' '.join(command)} ended with {status}:\n{output}")
    return Cost(wall, cpu, peak, output)


def main() -> None:
    """Run the command in the arguments; print its status, wall and CPU seconds, peak MB and output as JSON."""
    start = time.perf_counter()
    with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall, cpu = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    print(json.dumps([process.returncode, wall, cpu, usage.ru_maxrss / 1000, output]))


if __name__ == "__main__":
    main()
