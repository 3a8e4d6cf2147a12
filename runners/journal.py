"""The journal: every prediction, one JSON line, on the disk before the next batch starts.

A run's journal is `predictions.<rank>.jsonl` in its folder; tasks/journal.py reads it. A process that dies leaves at
most one torn last line, which reading drops and the next append cuts off:

    {"image_id": "..._test_0", "status": "ok", "value": ["C0040405"], "text": "CT", "seconds": 0.2, ...}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tasks.journal import whole_lines
from tasks.nouns import InputError, Prediction


class Journal:
    """The journal of one process, open for appending."""

    def __init__(self, folder: Path, rank: int = 0) -> None:
        path = folder / f"predictions.{rank}.jsonl"
        self._path = path
        self._file = path.open("ab")
        whole = sum(len(line) + 1 for line in whole_lines(path))
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
