"""Provenance: what a run depended on, so that it can be repeated and told apart from another.

`fingerprint` hashes everything that changes an output. Two runs with the same one may share predictions; for
two others `differing` names the keys in which they differ.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "accelerate",
    "tokenizers",
    "safetensors",
    "pillow",
)
"""Versions that can change an output."""


def fingerprint(inputs: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of `inputs` (dotted key -> JSON value)."""
    canonical = json.dumps(inputs, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line `key: before -> now` for each key in which the two differ."""
    absent = "(none)"
    return [
        f"{key}: {before.get(key, absent)} -> {now.get(key, absent)}"
        for key in sorted({*before, *now})
        if before.get(key, absent) != now.get(key, absent)
    ]


def hash_ids(ids: Iterable[str]) -> str:
    """SHA-256 over the ids in their order, one a line."""
    return hashlib.sha256("".join(f"{image_id}\n" for image_id in ids).encode("utf-8")).hexdigest()


def versions() -> dict[str, str]:
    """Python's version and those of the packages that can change an output."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def git_state() -> dict[str, Any]:
    """The commit of the code and whether it was changed since; nulls outside a checkout."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(here), *words], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def hardware() -> dict[str, Any]:
    """Processor, cores, memory; the accelerators too once a model has brought torch in."""
    import psutil

    facts: dict[str, Any] = {
        "machine": platform.machine(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "accelerators": [],
    }
    # Asking torch would import it, and a run with nothing left to do must not pay for that.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        cards = (torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count()))
        facts["accelerators"] = [{"name": c.name, "memory_bytes": c.total_memory} for c in cards]
    return facts


def peak_memory() -> dict[str, int | None]:
    """Peak resident memory of this process and peak memory of the accelerator (null without one), in bytes."""
    import resource

    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    resident *= 1 if sys.platform == "darwin" else 1024
    torch = sys.modules.get("torch")
    accelerator = torch.cuda.max_memory_allocated() if torch and torch.cuda.is_available() else None
    return {"resident_bytes": resident, "accelerator_bytes": accelerator}


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
