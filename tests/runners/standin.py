"""A small data set and a model that answers from pixels alone, to inject the faults that real models rarely show."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from runners.config_files import load
from runners.plan import ModelPlan, make_plan

IDS = [f"ImageCLEFmedical_Caption_2026_test_{n}" for n in range(12)]


def make_data(folder: Path) -> Path:
    """Twelve grey images, lighter and lighter, with captions; image n has the grey level 20 n."""
    images = folder / "images"
    images.mkdir(parents=True)
    for n, image_id in enumerate(IDS):
        Image.new("L", (16 + n, 16), 20 * n).save(images / f"{image_id}.png")
    rows = "".join(f"{image_id},grey {20 * n}\n" for n, image_id in enumerate(IDS))
    (folder / "captions.csv").write_text(f"ID,Caption\n{rows}", encoding="utf-8")
    (folder / "test_ids.csv").write_text("ID,Caption\n" + "".join(f"{i},\n" for i in IDS), encoding="utf-8")
    return folder


def make_config(folder: Path, data: Path, *extra: str) -> Path:
    """A caption config whose base model is a folder with a stand-in for weights."""
    base = folder / "base"
    base.mkdir(exist_ok=True)
    (base / "model.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    (base / "config.json").write_text('{"model_type": "llava"}', encoding="utf-8")
    lines = [
        "task: caption_prediction",
        f"data: {{path: {data}}}",
        f"model: {{name: {base}}}",
        "prompt: {text: Describe}",
        *extra,
    ]
    path = folder / "standin.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def make_standin_plan(folder: Path, *extra: str) -> ModelPlan:
    """The plan of a run over `make_data`."""
    return make_plan(load(make_config(folder, make_data(folder / "data"), *extra)))


class Standin:
    """Answers `grey <level>`; `fault` is called with the levels of every batch and may raise."""

    def __init__(self, fault: Callable[[list[int]], None] = lambda levels: None) -> None:
        self.facts: Mapping[str, Any] = {"batch_invariant": True}
        self.batches: list[list[int]] = []
        self._fault = fault

    def prepare(self, images: Sequence[Image.Image], prompts: Sequence[str], views: Any = ()) -> list[int]:
        assert len(images) == len(prompts)
        levels = [image.getpixel((0, 0)) for image in images]
        return [level[0] if isinstance(level, tuple) else int(level or 0) for level in levels]

    def generate(self, prepared: list[int], *, seed: int) -> list[str]:
        self._fault(prepared)
        self.batches.append(prepared)
        return [f"grey {level}" for level in prepared]

    def tokens(self, sizes: Sequence[tuple[int, int]], views: Any = ()) -> list[int]:
        return [1] * len(sizes)

    def fitting(self, longest: tuple[int, int]) -> int:
        return 4

    def spent(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        pass


def captions(folder: Path) -> dict[str, str]:
    """Image id -> caption of a submission."""
    with (folder / "submission.csv").open(encoding="utf-8", newline="") as file:
        return {row["ID"]: row["Caption"] for row in csv.DictReader(file)}


def record(folder: Path) -> dict[str, Any]:
    """A run's record."""
    loaded: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return loaded


Use = Callable[[Standin], None]
"""Makes a run load the given stand-in instead of a checkpoint: the fixture `use`."""
