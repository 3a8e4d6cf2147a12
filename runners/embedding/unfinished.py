"""Embeddings that are not all there yet: rows are appended, and survive kill -9.

Two hidden files beside the final ones: `.<split>.rows`, float16 numbers row after row, and `.<split>.journal.jsonl`, a
line per batch once its rows are on the disk:

    {"ids": ["..._train_0"], "failures": {"..._train_1": "image: ..."}, "stamps": {"..._train_0": "8120 0fa1...", ...}}

What stands behind the last whole line was torn by a crash and is cut off.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from runners.embedding.loop import Row
from runners.models import Failure
from tasks.files import write_whole
from tasks.nouns import InputError


class Unfinished:
    """The embeddings of a split on their way, open for appending."""

    def __init__(self, folder: Path, split: str, *, dimensions: int) -> None:
        self._rows_path = folder / f".{split}.rows"
        self._journal_path = folder / f".{split}.journal.jsonl"
        self._final = folder / f"{split}.npy"
        self._listing = folder / f"{split}.ids.txt"
        self._dimensions = dimensions
        self.ids: list[str] = []
        """Of the rows, in their order."""
        self.failures: dict[str, str] = {}
        """Image id -> why it has no row."""
        self.stamps: dict[str, str] = {}
        """Image id -> what tells its file from another, of rows and failures."""
        self._rows = self._rows_path.open("ab")
        self._journal = self._journal_path.open("ab")
        self._journal.truncate(self._read())
        size = 2 * dimensions * len(self.ids)
        if self._rows_path.stat().st_size < size:
            raise InputError(
                f"{self._rows_path} is shorter than its journal says: delete both .{split}.* files there to start anew"
            )
        self._rows.truncate(size)

    def append(self, batch: Iterable[Row]) -> None:
        """Write a batch and wait until it is on the disk; InputError when the files were deleted meanwhile."""
        rows = list(batch)
        made = {row.image_id: row.vector for row in rows if not isinstance(row.vector, Failure)}
        failed = {row.image_id: row.vector.reason for row in rows if isinstance(row.vector, Failure)}
        stamps = {row.image_id: row.stamp for row in rows}
        line = _line(list(made), failed, stamps)
        for file, data in (
            (self._rows, b"".join(np.ascontiguousarray(vector).tobytes() for vector in made.values())),
            (self._journal, line.encode("utf-8")),
        ):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if os.fstat(file.fileno()).st_nlink == 0:
                raise InputError(f"{file.name} was deleted while images were embedded: start again")
        self.ids += made
        # What failed before may have been mended.
        self.failures = {image_id: why for image_id, why in self.failures.items() if image_id not in made} | failed
        self.stamps |= stamps

    def publish(self) -> None:
        """Write `<split>.npy` and `<split>.ids.txt`; the hidden files stay until `discard`."""
        self._rows.flush()
        beside = self._final.with_name(f".{self._final.name}.part")
        header = {"descr": "<f2", "fortran_order": False, "shape": (len(self.ids), self._dimensions)}
        with beside.open("wb") as file, self._rows_path.open("rb") as rows:
            np.lib.format.write_array_header_1_0(file, header)
            shutil.copyfileobj(rows, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._final)
        write_whole(self._listing, "".join(f"{image_id}\n" for image_id in self.ids))

    def _read(self) -> int:
        """Take over what the journal holds; the length of its whole lines in bytes."""
        lines = self._journal_path.read_bytes().split(b"\n")[:-1]
        for number, line in enumerate(lines, start=1):
            try:
                batch = json.loads(line)
                self.ids += batch["ids"]
                self.failures = {i: why for i, why in self.failures.items() if i not in batch["stamps"]}
                self.failures |= batch["failures"]
                self.stamps |= batch["stamps"]
            except (ValueError, KeyError, TypeError):
                raise InputError(
                    f"{self._journal_path}:{number}: not a batch of embeddings; delete it and {self._rows_path.name} "
                    "to start anew"
                ) from None
        return sum(len(line) + 1 for line in lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()
        self._journal.close()


def reopen(folder: Path, split: str, record: Mapping[str, Any], ids: list[str]) -> None:
    """The hidden files of a split that was finished, `record` and `ids` its own, so that images can be added."""
    discard(folder, split)
    with (folder / f"{split}.npy").open("rb") as final, (folder / f".{split}.rows").open("wb") as rows:
        np.lib.format.read_magic(final)
        np.lib.format.read_array_header_1_0(final)
        shutil.copyfileobj(final, rows)
        rows.flush()
        os.fsync(rows.fileno())
    write_whole(folder / f".{split}.journal.jsonl", _line(ids, record["failures"], record["stamps"]))


def _line(ids: list[str], failures: Mapping[str, str], stamps: Mapping[str, str]) -> str:
    return json.dumps({"ids": ids, "failures": failures, "stamps": stamps}, ensure_ascii=False) + "\n"


def discard(folder: Path, split: str) -> None:
    """Delete the hidden files of a split that is finished."""
    for name in (f".{split}.rows", f".{split}.journal.jsonl"):
        (folder / name).unlink(missing_ok=True)
