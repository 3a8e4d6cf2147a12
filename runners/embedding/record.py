"""The record of stored embeddings, `<split>.json`: what they depend on, and whether they are whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from runners.provenance import differing
from tasks.files import write_whole
from tasks.nouns import Example, ImageSource, InputError

MISSING = "missing"
"""The stamp of an image without bytes."""
_READ = 8
"""So many images are read again when embeddings are opened."""


def stamp_of(data: bytes) -> str:
    """What tells an image file from another: its size and a hash."""
    return f"{len(data)} {hashlib.sha256(data).hexdigest()[:16]}"


def changed(examples: Sequence[Example], stamps: Mapping[str, str]) -> list[str]:
    """Ids of the images that are not those that were embedded, wherever their folder was moved.

    All sizes are looked at, and the bytes of eight: reading 100,000 images takes minutes, their sizes a second. What
    goes unnoticed is an image replaced by another of the very same size, unless it is one of the eight.
    """
    known = [example for example in examples if example.image_id in stamps]
    read = {round(n * (len(known) - 1) / (_READ - 1)) for n in range(_READ)} if known else set()
    found = []
    for place, example in enumerate(known):
        stamp = stamps[example.image_id]
        if place in read or stamp == MISSING:
            same = _stamp(example.image) == stamp
        else:
            size = _size(example.image)
            same = size is None or str(size) == stamp.partition(" ")[0]
        if not same:
            found.append(example.image_id)
    return found


def _stamp(source: ImageSource) -> str:
    try:
        return stamp_of(source.read_bytes())
    except OSError:
        return MISSING


def _size(source: ImageSource) -> int | None:
    """In bytes, -1 when the file is missing; None for an image inside a table, which would have to be read."""
    try:
        return source.stat().st_size if isinstance(source, Path) else None
    except OSError:
        return -1


@contextmanager
def alone(folder: Path, split: str, console: Console) -> Iterator[None]:
    """One process at a time writes a split; another waits, and then finds it finished."""
    lock = FileLock(folder / f".{split}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        console.print(f"another process embeds {folder / split}: waiting for it", markup=False, soft_wrap=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def read_record(path: Path) -> dict[str, Any] | None:
    """The record at `path`; None when there is none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        record = None
    if not isinstance(record, dict) or not {"fingerprint", "dimensions", "finished"} <= record.keys():
        raise InputError(f"{path} is damaged: delete {path.with_suffix('')}.* to embed anew")
    return record


def refuse_another(record: Mapping[str, Any] | None, inputs: Mapping[str, str], folder: Path, split: str) -> None:
    """InputError naming the keys that differ when `record` is of other inputs."""
    if record is None or record["fingerprint"] == inputs:
        return
    keys = "\n".join(f"  {line}" for line in differing(record["fingerprint"], inputs))
    raise InputError(
        f"{folder / split}: these embeddings were begun with other inputs, and vectors would be mixed:\n{keys}\n"
        f"name another folder, undo these changes, or delete {folder / split}.* (and {folder}/.{split}.*) to embed anew"
    )


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write it in one step."""
    write_whole(path, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
