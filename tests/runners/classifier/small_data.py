"""Invented features and pixels whose concepts can be learned, and a backbone of a few weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

Labels = list[tuple[str, ...]]
CUIS = ("C0000001", "C0000002", "C0000003")


def features(count: int = 240, dimensions: int = 12, seed: int = 0) -> tuple[NDArray[np.float16], Labels]:
    """Features of which the first three decide, by chance, about a concept each."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, dimensions))
    chance = 1 / (1 + np.exp(-(2 * values[:, :3] - np.array([0.0, 1.0, 2.0]))))
    has = random.random((count, 3)) < chance
    return values.astype(np.float16), [tuple(cui for cui, h in zip(CUIS, row, strict=True) if h) for row in has]


def truth(labels: Labels) -> NDArray[np.float64]:
    """Images x the three concepts, 0 or 1."""
    return np.array([[cui in row for cui in CUIS] for row in labels], dtype=np.float64)


class Backbone(torch.nn.Module):
    """Two convolutions and the mean over places: 3 channels to 8 features; a classification layer is left over."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(4)
        self.second = torch.nn.Conv2d(4, 8, 3, padding=1)
        self.unused = torch.nn.Linear(8, 50)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features, images x 8."""
        found: torch.Tensor = self.second(torch.relu(self.norm(self.first(pixels)))).mean(dim=(2, 3))
        return found


def backbone(seed: int = 0) -> Backbone:
    """One with weights drawn from `seed`, laid out in memory as encoders lay theirs."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        made = Backbone().eval()
    for module in (made.first, made.second):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def pictures(folder: Path, count: int = 24) -> tuple[list[Path], Labels]:
    """Pictures of one shade each: dark ones have the first concept, bright ones the second."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    labels: Labels = []
    for n in range(count):
        path = folder / f"{n}.png"
        Image.new("L", (16, 16), 40 + 6 * (n // 2) if n % 2 else 215 - 6 * (n // 2)).save(path)
        paths.append(path)
        labels.append((CUIS[0],) if n % 2 else (CUIS[1],))
    return paths, labels


def prepare(image: Image.Image) -> NDArray[np.float32]:
    """As an encoder does: 3 x 16 x 16, about -1 to 1."""
    return ((np.asarray(image.convert("RGB")).transpose(2, 0, 1) - 127.0) / 128).astype(np.float32)
