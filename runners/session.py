"""A session: one process at work on a run, from loading the model to the last image it can do.

`answer_here` is the usual one; `runners/ray_session.py` lets the actors of a Ray cluster answer. Each is recorded in
run.json: command, versions, hardware, seconds, memory.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console

from runners import record as records
from runners.batches import image_costs, make_batches
from runners.journal import Journal
from runners.plan import ModelPlan, Plan
from runners.provenance import git_state, hardware, peak_memory, versions
from runners.sharing import Ledger, Place, shared

if TYPE_CHECKING:
    from runners.checkpoints import Checkpoint
    from runners.config import RunConfig
    from runners.models import Model

Load = Callable[["RunConfig", "Checkpoint", "Sequence[Checkpoint]"], "Model"]


def answer_here(plan: ModelPlan, folder: Path, console: Console, place: Place, *, load: Load | None = None) -> None:
    """Load the model, with `load` in the place of `load_model`, and answer this process's share of what is left."""
    from runners.asking import Tally
    from runners.loop import answer_all, journal_all
    from runners.models import load_model
    from runners.progress import RunProgress

    ledger = Ledger(folder)
    done = len(ledger.done)
    start = time.monotonic()
    with stoppable():
        if plan.config.model.served is None:
            choose_accelerator(place)
        model = (load or load_model)(plan.config, plan.base, plan.adapters)
        costs, costliest = image_costs(plan.examples, model.tokens)
        tally = Tally(share=_share(folder))

        def spent() -> Mapping[str, Any]:
            halvings = {"out_of_memory_halvings": tally.out_of_memory, "batch_share": tally.share}
            return {**halvings, "spent": dict(model.spent())}

        batches = make_batches(
            plan.examples,
            costs,
            size=_batch_size(plan, folder, model, costliest),
            by_cost=plan.config.batch_size == "auto",
        )
        with (
            recorded(plan, folder, place, model=model.facts, done=done, start=start, spent=spent),
            Journal(folder, place.rank) as journal,
            RunProgress(console, total=len(plan.examples), done=done) as progress,
            closing(model),
            closing(answer_all(plan, model, shared(batches, ledger, place), tally)) as answered,
        ):
            journal_all(answered, plan, ledger=ledger, journal=journal, progress=progress)


@contextmanager
def recorded(
    plan: Plan,
    folder: Path,
    place: Place,
    *,
    model: Mapping[str, Any],
    done: int,
    start: float,
    spent: Callable[[], Mapping[str, Any]] = dict,
) -> Iterator[None]:
    """Write the session into run.json as it begins, and again as it ends, however it ends.

    `start` is the monotonic time at which loading the model began; `spent` is asked at the end.
    """
    session = {
        "started": _now(),
        "command": sys.argv,
        "process": f"{place.rank} of {place.processes}",
        "already_done": done,
        "versions": versions(),
        "git": git_state(),
        "load_seconds": time.monotonic() - start,
        "hardware": hardware(),
    }
    with records.editing(folder) as record:
        record.update(model=dict(model), finished=None)
        record["sessions"].append(session)
    try:
        yield
    finally:
        ended = {"ended": _now(), "seconds": time.monotonic() - start, **spent(), "peak_memory": peak_memory()}
        if (folder / records.FILE).exists():  # a folder that was deleted is not made again
            with records.editing(folder) as record:
                record["sessions"] = [s | ended if s == session else s for s in record["sessions"]]
                if not record["finished"]:  # else it tells of the submission that is there
                    record.update(records.summary(plan, records.results_of(plan, folder)))


def _batch_size(plan: ModelPlan, folder: Path, model: Model, costliest: tuple[int, int]) -> int:
    """The config's, else that of earlier sessions, else what fits; the first process to know it decides for all."""
    wanted = plan.config.batch_size
    size = wanted if isinstance(wanted, int) else records.read(folder)["batch_size"] or model.fitting(costliest)
    with records.editing(folder) as record:
        if wanted == "auto":
            size = record["batch_size"] or size
        record["batch_size"] = size
    return int(size)


def _share(folder: Path) -> float:
    """The part of a batch that memory allowed in earlier sessions."""
    return min((session.get("batch_share", 1.0) for session in records.read(folder)["sessions"]), default=1.0)


def choose_accelerator(place: Place) -> None:
    """Let each process of a machine have an accelerator of its own, as far as there are enough."""
    import torch

    if place.processes > 1 and torch.cuda.is_available():
        torch.cuda.set_device(place.local % torch.cuda.device_count())


@contextmanager
def stoppable() -> Iterator[None]:
    """Let a scheduler's SIGTERM end the session as Ctrl-C does: recorded, resumable, exit status 143.

    A SIGTERM after the first signal is ignored: Ctrl-C reaches all processes of a terminal, and `launch` then asks
    each to end once more, which must not break off the recording of the end.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell has it ignored
        before[signal.SIGINT] = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
