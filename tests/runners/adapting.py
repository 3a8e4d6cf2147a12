"""Adapters for the tests: named in a config, rewritten on disk, compared by what they do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file


def use(*adapters: Path | tuple[Path, float]) -> list[dict[str, Any]]:
    pairs = [a if isinstance(a, tuple) else (a, 1.0) for a in adapters]
    return [{"path": str(path), "weight": weight} for path, weight in pairs]


def rewrite(source: Path, target: Path, rename: Callable[[str], str | None], **config: Any) -> Path:
    """A copy of an adapter with other tensor names (None drops one) and settings."""
    shutil.copytree(source, target)
    tensors = {rename(k): v for k, v in load_file(source / "adapter_model.safetensors").items()}
    save_file({k: v for k, v in tensors.items() if k}, target / "adapter_model.safetensors")
    path = target / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **config}), encoding="utf-8")
    return target


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal but for rounding in float32."""
    return bool((a - b).abs().max() < 1e-5 * max(1.0, float(a.abs().max())))
