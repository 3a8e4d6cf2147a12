"""Checkpoints made from others (merged, converted), kept in the cache and used again by every later run."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from runners.checkpoints import cache_folder


def derived_folder(kind: str, origin: Sequence[str], make: Callable[[Path], None]) -> Path:
    """The cache's folder for what `make` writes out of `origin` (identities); written when it is not there yet.

    It appears whole or not at all, whatever stops this process.
    """
    name = hashlib.sha256("\n".join(origin).encode("utf-8")).hexdigest()[:24]
    folder = cache_folder() / kind / name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}.") as beside:
            fresh = Path(beside) / name
            fresh.mkdir()
            make(fresh)
            # Another process may have been faster: its copy is the same.
            if not folder.is_dir():
                fresh.rename(folder)
    return folder
