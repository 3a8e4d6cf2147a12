"""Where a checkpoint is, and what a run would download, without fetching any weights.

find("sample")                            # Place(folder=.../sample_model/base, identity="sha256:...", download=0)
find("Qwen/Qwen2-VL-2B-Instruct")         # Place(folder=<its small files>, identity="hub:...", download=4429000000)
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.checkpoints import HUB_ID, PICKLES, SMALL_FILES, WEIGHTS, Checkpoint, locate, read_json
from runners.doctor.hub import hub_cache, hub_silence
from tasks.nouns import InputError


@dataclass(frozen=True)
class Place:
    """Where a checkpoint is."""

    folder: Path
    """Holds at least its config and processor files."""
    identity: str
    """What pins its content, as in a run's fingerprint."""
    kind: str
    """`folder`, `cache` or `hub`."""
    download: int = 0
    """Bytes that a run would fetch first."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The same for code that loads it; its weights are there when `download` is 0."""
        return Checkpoint(self.folder, self.identity)

    @property
    def text(self) -> str:
        """For people."""
        if self.kind == "hub":
            return f"{self.download / 1e9:,.2f} GB to download first, into {hub_cache()}"
        return f"in the hub's cache, {self.folder}" if self.kind == "cache" else str(self.folder)


def is_hub_id(name: str) -> bool:
    """Whether `name` is looked for on the hub, since it is neither a folder nor part of the sample."""
    there = Path(name).expanduser().exists() or name.split("/", maxsplit=1)[0] == "sample"
    return not there and HUB_ID.fullmatch(name) is not None


def find(name: str, revision: str | None = None, subfolder: str | None = None) -> Place:
    """The place of the checkpoint called `name`; InputError when a run would not find it whole."""
    if not is_hub_id(name):
        checkpoint = locate(name, revision, subfolder)
        return Place(checkpoint.path, checkpoint.identity, "folder")
    inside = f"{subfolder.strip('/')}/" if subfolder else ""
    if (root := _cached(name, revision, inside)) is not None:
        return Place(root / inside, _identity(name, root.name, inside), "cache")
    if (silence := hub_silence()) is not None:
        raise InputError(
            f"{name} is not on this machine, and the hub cannot be asked: {silence}\n  On a machine with a network "
            f"run `hf download {name} --local-dir DIR`, copy DIR here and give it as the name; or unset "
            "HF_HUB_OFFLINE where there is a network"
        )
    return _on_hub(name, revision, inside)


def _identity(name: str, commit: str, inside: str) -> str:
    return f"hub:{name}@{commit}" + (f"/{inside.rstrip('/')}" if inside else "")


def _cached(name: str, revision: str | None, inside: str) -> Path | None:
    """The snapshot in the hub's cache, when its weights are all there."""
    from huggingface_hub import snapshot_download

    patterns = [inside + pattern for pattern in (*SMALL_FILES, WEIGHTS)]
    try:
        root = Path(snapshot_download(name, revision=revision, allow_patterns=patterns, local_files_only=True))
    except (OSError, ValueError):
        return None
    folder = root / inside
    shards = {file.name for file in folder.glob(WEIGHTS)}
    asked: set[str] = set()
    for index in folder.glob("*.safetensors.index.json"):
        asked |= set(read_json(index).get("weight_map", {}).values())
    return root if shards and asked <= shards else None


def _on_hub(name: str, revision: str | None, inside: str) -> Place:
    from huggingface_hub import snapshot_download

    small = [inside + pattern for pattern in SMALL_FILES]
    weights = [inside + pattern for pattern in (WEIGHTS, *(f"*{suffix}" for suffix in PICKLES))]
    try:
        files: list[Any] = snapshot_download(name, revision=revision, allow_patterns=[*small, *weights], dry_run=True)
        root = Path(snapshot_download(name, revision=revision, allow_patterns=small))
    except (OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name} cannot be fetched from the hub: {reason}\n  Is the name right? A gated model needs its licence "
            "accepted on the hub and `hf auth login` here"
        ) from error
    if not any(file.filename.endswith(".safetensors") for file in files):
        raise InputError(f"{name} has no {WEIGHTS} on the hub: pickled weights are not loaded; use another revision")
    wanted = [f for f in files if f.will_download and not f.filename.endswith(PICKLES)]
    size = sum(file.file_size or 0 for file in wanted)
    if (free := shutil.disk_usage(root).free) < size:
        raise InputError(
            f"{name}: {size / 1e9:.1f} GB are to be downloaded, and {hub_cache()} has room for {free / 1e9:.1f} GB: "
            "make room, or set HF_HOME to a larger disk"
        )
    return Place(root / inside, _identity(name, root.name, inside), "hub", size)
