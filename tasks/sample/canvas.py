"""A small drawing board in numpy: soft-edged shapes, smooth texture and noise, the same on every machine.

Coordinates run from -1 to 1 across the picture, x to the right and y down, and are shifted, scaled and
rotated a little for every image, so no two phantoms coincide. Only additions, products, divisions, square
roots and random bits are used: their results are fixed by IEEE 754, those of `exp` or `sin` are not.

    canvas = Canvas(np.random.Generator(np.random.PCG64(7)))
    canvas.paint(canvas.ellipse(0.0, 0.1, 0.8, 0.9), 120)
    pixels = canvas.finish(noise=8)      # uint8, 224 x 224
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIZE = 224
"""Pixels along each edge."""

Mask = NDArray[np.float32]
"""Coverage of every pixel by a shape, 0 to 1."""


class Canvas:
    """Grey pixels being drawn, and the places where findings were put."""

    def __init__(self, rng: np.random.Generator, background: float = 12.0) -> None:
        self.rng = rng
        self.pixels: Mask = np.full((SIZE, SIZE), background, np.float32)
        self.marks: list[tuple[str, Mask]] = []
        """Name and mask of every finding drawn."""
        axis = (np.arange(SIZE, dtype=np.float32) * 2 + 1) / SIZE - 1
        tilt, zoom = self.vary(0.0, 0.05), self.vary(1.0, 0.06)
        dx, dy = self.vary(0.0, 0.05), self.vary(0.0, 0.05)
        u, v = (axis[None, :] - dx) / zoom, (axis[:, None] - dy) / zoom
        self.x: Mask = (u + tilt * v).astype(np.float32)
        self.y: Mask = (v - tilt * u).astype(np.float32)

    def vary(self, middle: float, spread: float) -> float:
        """A number drawn evenly from `middle` ± `spread`."""
        return float(middle + spread * (2 * self.rng.random() - 1))

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, *, tilt: float = 0.0, soft: float = 0.03) -> Mask:
        """A filled ellipse; `tilt` leans its upper end to the right; the edge is `soft` wide."""
        u, v = self.x - np.float32(cx), self.y - np.float32(cy)
        distance = np.sqrt(((u + np.float32(tilt) * v) / np.float32(rx)) ** 2 + (v / np.float32(ry)) ** 2)
        edge = np.float32(min(rx, ry) / soft)
        return np.asarray(np.clip((1 - distance) * edge + np.float32(0.5), 0, 1))

    def ring(self, cx: float, cy: float, rx: float, ry: float, *, width: float) -> Mask:
        """The rim of an ellipse, `width` wide, inside its edge."""
        return np.asarray(self.ellipse(cx, cy, rx, ry) * (1 - self.ellipse(cx, cy, rx - width, ry - width)), np.float32)

    def line(self, points: Sequence[tuple[float, float]], width: float, *, soft: float = 0.02) -> Mask:
        """A polyline with round ends, `width` thick."""
        nearest = np.full((SIZE, SIZE), 9.0, np.float32)
        for (x0, y0), (x1, y1) in pairwise(points):
            dx, dy = np.float32(x1 - x0), np.float32(y1 - y0)
            along = ((self.x - np.float32(x0)) * dx + (self.y - np.float32(y0)) * dy) / (dx * dx + dy * dy)
            along = np.clip(along, 0, 1)
            u, v = self.x - np.float32(x0) - along * dx, self.y - np.float32(y0) - along * dy
            nearest = np.minimum(nearest, u * u + v * v)
        return self.step(np.float32(width / 2) - np.sqrt(nearest), soft)

    def box(self, cx: float, cy: float, rx: float, ry: float, *, soft: float = 0.03) -> Mask:
        """A rectangle with half-widths `rx` and `ry`."""
        inside = np.minimum(
            np.float32(rx) - np.abs(self.x - np.float32(cx)), np.float32(ry) - np.abs(self.y - np.float32(cy))
        )
        return self.step(inside, soft)

    def step(self, height: NDArray[np.floating], soft: float = 0.03) -> Mask:
        """1 where `height` is above 0, 0 where below, with a ramp `soft` wide."""
        return np.asarray(np.clip(height / np.float32(soft) + np.float32(0.5), 0, 1))

    def texture(self, cell: int) -> Mask:
        """Smooth noise from -1 to 1 with grains about `cell` pixels wide."""
        count = SIZE // cell + 2
        grid = self.rng.random((count, count), np.float32) * 2 - 1
        place = np.arange(SIZE, dtype=np.float32) / np.float32(cell)
        low = place.astype(np.int64)
        part = place - low
        part = part * part * (3 - 2 * part)
        rows = grid[low] * (1 - part)[:, None] + grid[low + 1] * part[:, None]
        return np.asarray(rows[:, low] * (1 - part) + rows[:, low + 1] * part, np.float32)

    def paint(self, mask: Mask, grey: float, *, cover: float = 1.0) -> None:
        """Lay `grey` over the masked pixels; `cover` below 1 lets the ground shine through."""
        self.pixels += mask * np.float32(cover) * (np.float32(grey) - self.pixels)

    def add(self, mask: Mask, amount: float) -> None:
        """Brighten the masked pixels by `amount`."""
        self.pixels += mask * np.float32(amount)

    def mark(self, name: str, mask: Mask) -> None:
        """Note where the finding `name` was drawn."""
        self.marks.append((name, mask))

    def finish(self, noise: float) -> NDArray[np.uint8]:
        """The picture with uneven exposure and grain, as bytes."""
        gain, shade = self.vary(1.0, 0.1), self.vary(0.0, 0.08)
        grain = self.rng.random((SIZE, SIZE), np.float32) + self.rng.random((SIZE, SIZE), np.float32) - 1
        pixels = self.pixels * (np.float32(gain) + np.float32(shade) * self.x) + np.float32(noise * 1.7) * grain
        return np.asarray(np.clip(pixels + np.float32(0.5), 0, 255), np.uint8)
