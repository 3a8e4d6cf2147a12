"""Several processes for one run on this machine: `imageclef run CONFIG --processes 4`.

Each process runs the same command with its own RANK, as under torchrun, loads the model on an accelerator of its own
and journals into the run's folder, its messages in `log.<rank>.txt` there. Unlike torchrun, a process that dies takes
no other with it: the rest do its images. This process loads no model; it watches the journals, ends processes that
hang when nothing is left to do, and has the submission written if none of the others could.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from runners import record as records
from runners.plan import Plan
from runners.progress import RunProgress
from runners.session import stoppable
from runners.sharing import Ledger, Place
from tasks.problems import counted

_LOOK = 0.5
"""Seconds between two looks at the journals."""
_GRACE = 60.0
"""Seconds a process may take to end once it is asked to, or once every image has an answer."""
_TAIL = 5
"""Lines shown of the log of a process that failed."""

WATCHING = Place(rank=-1)
"""The place of the process that answers nothing itself."""


class AllProcessesFailed(Exception):
    """No process is left and images are without an answer; the journals hold what was done."""


def launch(plan: Plan, folder: Path, console: Console, place: Place, *, processes: int, command: Sequence[str]) -> None:
    """A session in which `processes` processes that each run `command` answer what is left.

    Raises AllProcessesFailed when they ended before the work did.
    """
    ledger = Ledger(folder)
    running: dict[int, subprocess.Popen[bytes]] = {}
    with stoppable():
        try:
            for rank in range(processes):
                running[rank] = _start(command, folder, Place(rank, processes, rank))
            _watch(plan, folder, console, ledger=ledger, running=running)
        finally:
            _stop(running.values())
    records.read(folder)  # says so where the run's folder was deleted
    if left := len(plan.examples) - ledger.tried:
        raise AllProcessesFailed(f"all {processes} processes ended, and {counted(left, 'image')} had no answer")


def _watch(
    plan: Plan, folder: Path, console: Console, *, ledger: Ledger, running: dict[int, subprocess.Popen[bytes]]
) -> None:
    """Show how far they are until the last has ended, or hangs when nothing is left to do."""
    total, shown = len(plan.examples), len(ledger.done)
    last = time.monotonic()
    with RunProgress(console, total=total, done=shown) as progress:
        while running and not (shown == total and time.monotonic() - last > _GRACE):
            time.sleep(_LOOK)
            ended = [rank for rank, process in running.items() if process.poll() is not None]
            ledger.refresh()
            if ledger.tried > shown or ended:
                last = time.monotonic()
                progress.advance(ledger.tried - shown, failed=len(ledger.failed))
                shown = ledger.tried
            for rank in ended:
                if status := running.pop(rank).returncode:
                    _say(console, folder, rank, status, left=len(running))


def _start(command: Sequence[str], folder: Path, place: Place) -> subprocess.Popen[bytes]:
    told = {"RANK": place.rank, "WORLD_SIZE": place.processes, "LOCAL_RANK": place.local}
    # Processes that each take all cores wait for one another more than they work.
    cores = max(1, (os.cpu_count() or 1) // place.processes)
    environment = {"OMP_NUM_THREADS": str(cores), **os.environ, **{key: str(value) for key, value in told.items()}}
    with _log(folder, place.rank).open("ab") as log:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _log(folder: Path, rank: int) -> Path:
    return folder / f"log.{rank}.txt"


def _say(console: Console, folder: Path, rank: int, status: int, *, left: int) -> None:
    log = _log(folder, rank)
    how = f"was killed (signal {-status})" if status < 0 else f"ended with exit status {status}"
    help_ = f"; the other {left} do its images" if left else ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:] if log.exists() else []
    text = "\n".join([f"process {rank} {how}{help_} ({log}):", *(f"  {line}" for line in lines)])
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _stop(running: Iterable[subprocess.Popen[bytes]]) -> None:
    """Ask each to end, as a scheduler does, and wait until its journal is closed; one that hangs is killed."""
    processes = list(running)
    for process in processes:
        process.terminate()
    end = time.monotonic() + _GRACE
    for process in processes:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
