"""Base model plus adapters as one checkpoint, merged in the precision it is stored in, then quantized on loading.

Merging into 4-bit weights rounds twice and is never done. The merged copy is kept in the cache, in a folder named
after what went into it, with the original processor files, and is used again by every later run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runners.checkpoints import SMALL_FILES, Checkpoint
from runners.config import Adapter
from runners.models.derived import derived_folder

_REPORT = "merged.json"

Merge = Callable[[], tuple[Any, list[dict[str, Any]]]]
"""Loads, applies and merges: the network and the adapters' reports."""


def merged_checkpoint(
    base: Checkpoint, adapters: Sequence[tuple[Adapter, Checkpoint]], merge: Merge
) -> tuple[Path, list[dict[str, Any]]]:
    """The folder of the merged checkpoint, made by `merge` when it is not in the cache, and the reports."""

    def make(folder: Path) -> None:
        network, reports = merge()
        network.save_pretrained(folder)
        copy_processor(base.path, folder)
        (folder / _REPORT).write_text(json.dumps(reports, indent=2), encoding="utf-8")

    origin = [base.identity, *(f"{checkpoint.identity} * {asked.weight}" for asked, checkpoint in adapters)]
    folder = derived_folder("merged", origin, make)
    return folder, json.loads((folder / _REPORT).read_text(encoding="utf-8"))


def copy_processor(source: Path, target: Path) -> None:
    """Copied, not saved again: a processor without its video half would save without it."""
    written = {path.name for path in target.iterdir()}
    for pattern in SMALL_FILES:
        for path in source.glob(pattern):
            if path.name not in written and not path.name.endswith(".index.json"):
                shutil.copy2(path, target / path.name)
    # InstructBLIP's second tokenizer lies in a folder of its own.
    for folder in source.glob("*_tokenizer"):
        shutil.copytree(folder, target / folder.name, dirs_exist_ok=True)
