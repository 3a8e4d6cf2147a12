"""The journal: every prediction, one JSON line, on the disk before the next batch starts.

A run's journal is `predictions.<rank>.jsonl` in its folder. A process that dies leaves at most one torn last
line, which reading drops and the next append cuts off:

    {"image_id": "..._test_0", "status": "ok", "value": ["C0040405"], "text": "CT", "seconds": 0.2, ...}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tasks.nouns import InputError, Prediction


def read_journal(folder: Path) -> dict[str, Prediction]:
    """All predictions in `folder`, by image id; a later line of an image replaces an earlier one, but a failure no
    answer: when two processes try an image and one fails, it is answered.

    Raises InputError for a damaged line that is not the last one of its file.
    """
    found: dict[str, Prediction] = {}
    for path in sorted(folder.glob("predictions.*.jsonl")):
        for number, line in enumerate(_whole_lines(path), start=1):
            try:
                prediction = Prediction.from_json(json.loads(line.decode("utf-8")))
            except (ValueError, KeyError, TypeError):
                raise InputError(
                    f"{path}:{number}: not a prediction; delete this line and its image is computed again"
                ) from None
            if prediction.status == "ok" or found.get(prediction.image_id, prediction).status == "failed":
                found[prediction.image_id] = prediction
    return found


class Journal:
    """The journal of one process, open for appending."""

    def __init__(self, folder: Path, rank: int = 0) -> None:
        path = folder / f"predictions.{rank}.jsonl"
        self._path = path
        self._file = path.open("ab")
        whole = sum(len(line) + 1 for line in _whole_lines(path))
        self._file.truncate(whole)

    def append(self, predictions: Iterable[Prediction]) -> None:
        """Write one line each and wait until they are on the disk.

        InputError when the file was deleted meanwhile: a night's answers would be written into nothing.
        """
        lines = (json.dumps(p.to_json(), ensure_ascii=False) for p in predictions)
        self._file.write("".join(f"{line}\n" for line in lines).encode("utf-8"))
        self._file.flush()
        os.fsync(self._file.fileno())
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise InputError(f"{self._path} was deleted while the run was at work: start the run again")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _whole_lines(path: Path) -> list[bytes]:
    """The lines that end in a newline; what follows the last newline was torn by a crash."""
    return path.read_bytes().split(b"\n")[:-1]
