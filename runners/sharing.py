"""A run's work shared between processes, on one machine or on many that see one folder.

Every process journals into a file of its own and reads those of the others; work is handed out without a lock, a
lease or a clock.
Process r of n answers every n-th batch from r on. When its own are done it takes what others have left, from the
back, each process at another place, until every image has an answer: so a slow process is helped, a dead one
replaced, and at worst some batches near the end are answered twice, which changes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.nouns import Example, InputError, Prediction

_ENVIRONMENTS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
)
"""What torchrun (and `accelerate launch`), then Slurm's srun, tell a process about itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which of a run's processes this is."""

    rank: int = 0
    processes: int = 1
    local: int = 0
    """Its number on its own machine, which chooses the accelerator."""


def place_of(environment: Mapping[str, str] = os.environ) -> Place:
    """The place that torchrun or Slurm gave this process; alone without them.

    InputError when what they say cannot be.
    """
    for names in _ENVIRONMENTS:
        if names[0] not in environment or names[1] not in environment:
            continue
        said = ", ".join(f"{name}={environment[name]}" for name in names if name in environment)
        try:
            rank, processes, local = (int(environment.get(name, "0")) for name in names)
        except ValueError:
            raise InputError(f"environment: {said}: these must be whole numbers; unset them to run alone") from None
        if not 0 <= rank < processes or local < 0:
            raise InputError(f"environment: {said}: no process can have this number; unset them to run alone")
        return Place(rank, processes, local)
    return Place()


class Ledger:
    """Which images of a run have an answer, by whichever process."""

    def __init__(self, folder: Path) -> None:
        """The answers in `folder` count; of the failures those from now on: each is tried once more."""
        self._folder = folder
        self._read: dict[Path, int] = {}
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.refresh()
        self.failed.clear()

    @property
    def tried(self) -> int:
        """How many images need not be asked about any more."""
        return len(self.done) + len(self.failed)

    def note(self, predictions: Iterable[Prediction]) -> None:
        """Count answers of this process."""
        for prediction in predictions:
            self._note(prediction.image_id, ok=prediction.status == "ok")

    def refresh(self) -> None:
        """Read what the journals have got since the last time; a line being written is left for the next."""
        for path in self._journals():
            start = self._read.get(path, 0)
            try:
                with path.open("rb") as file:
                    file.seek(start)
                    lines = file.read()
            except FileNotFoundError:
                continue  # deleted just now: whoever writes it finds out and says so
            whole = lines.rfind(b"\n") + 1
            self._read[path] = start + whole
            for line in lines[:whole].splitlines():
                try:
                    row = json.loads(line)
                    self._note(row["image_id"], ok=row["status"] == "ok")
                except (ValueError, KeyError, TypeError):
                    continue  # the start of a line that was torn before; reading the whole journal judges it

    def has(self, batch: Iterable[Example]) -> bool:
        """Whether every image of `batch` has an answer."""
        return all(e.image_id in self.done or e.image_id in self.failed for e in batch)

    def _journals(self) -> list[Path]:
        return sorted(self._folder.glob("predictions.*.jsonl"))

    def _note(self, image_id: str, *, ok: bool) -> None:
        if ok:
            self.done.add(image_id)
            self.failed.discard(image_id)
        elif image_id not in self.done:
            self.failed.add(image_id)


def shared(batches: Sequence[Sequence[Example]], ledger: Ledger, place: Place) -> Iterator[Sequence[Example]]:
    """The batches this process should answer, one at a time, as the ledger stands when each is asked for."""
    for number in range(place.rank, len(batches), place.processes):
        ledger.refresh()
        if not ledger.has(batches[number]):
            yield batches[number]
    left = [n for n in range(len(batches)) if n % place.processes != place.rank]
    while left:
        if ledger.has(batches[left[-1]]):
            left.pop()
            continue
        ledger.refresh()
        number = left.pop(-1 - place.rank % len(left))  # whoever helps takes another one
        if not ledger.has(batches[number]):
            yield batches[number]
