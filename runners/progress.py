"""Progress of a run: a bar on a terminal, plain lines elsewhere; images/s, time left, failures, peak memory."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runners.provenance import peak_memory

PLAIN_SECONDS = 15.0
"""How often a line is printed where there is no terminal."""


class RunProgress:
    """Shows how far a run is; `done` images were there before it started."""

    def __init__(self, console: Console, *, total: int, done: int) -> None:
        self._console = console
        self._total = total
        self._done = done
        self._new = 0
        self._start = self._said = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._row = self._bar.add_task("images", total=total, completed=done, facts="")

    def advance(self, images: int, *, failed: int) -> None:
        """`images` more are journalled; `failed` of all have no prediction."""
        self._new += images
        now = time.monotonic()
        rate = self._new / max(now - self._start, 1e-9)
        left = f"  {(self._total - self._done - self._new) / rate:.0f} s left" if rate else ""
        memory = peak_memory()
        peak = (memory["accelerator_bytes"] or memory["resident_bytes"] or 0) / 2**30
        facts = f"{rate:.1f} images/s  {failed} failed  peak {peak:.2f} GiB"
        self._bar.update(self._row, completed=self._done + self._new, facts=facts)
        last = images and self._done + self._new >= self._total
        if not self._console.is_terminal and (last or now - self._said >= PLAIN_SECONDS):
            self._said = now
            self._console.print(f"{self._done + self._new}/{self._total} images  {facts}{left}")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
