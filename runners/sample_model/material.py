"""What the sample model is trained on: phantoms of the `extra` supply, never those of valid or test.

Material.make(1000)      # pixels (1000, 128, 128) uint8, and what every image shows and says
"""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.sample.canvas import SIZE
from tasks.sample.lexicon import CONCEPTS
from tasks.sample.picture import draw
from tasks.sample.release import QUALITY, Record, record_of
from tasks.sample.scene import VIEWS, Finding, Scene, scene_of, stream

EDGE = 128
"""The model's image size."""

GRID = 8
"""Patches along an edge."""

CHUNK = 500


def trait(finding: Finding) -> str:
    """A finding without its side: what one patch can show, such as `nodule small`."""
    return f"{finding.kind} {finding.size}".strip()


TRAITS: tuple[str, ...] = tuple(
    sorted(
        {
            f"{kind} {size}".strip()
            for *_, kinds in VIEWS
            for kind, traits in kinds
            for size in (("small", "large") if "z" in traits else ("",))
        }
        | {"cardiomegaly", "pacemaker", "pneumothorax", "consolidation"}
    )
)
"""Every finding that can be drawn, without side."""

FACTORS: tuple[str, ...] = (*CONCEPTS, *(f"{t} {side}".strip() for t in TRAITS for side in ("", "right", "left")))
"""What the vision tower learns to tell of a whole image."""


def factors(scene: Scene) -> list[int]:
    """Indices in FACTORS of what a scene shows."""
    names = {*scene.keys}
    for finding in scene.findings:
        names |= {trait(finding), f"{trait(finding)} {finding.side}".strip()}
    return [FACTORS.index(name) for name in names]


@dataclass(frozen=True)
class Material:
    """Images of the extra supply, in order from `start`."""

    pixels: NDArray[np.uint8]
    """(n, EDGE, EDGE), as the model's processor sees them."""
    whole: NDArray[np.bool_]
    """(n, FACTORS): what the image shows."""
    places: NDArray[np.bool_]
    """(n, GRID * GRID, TRAITS): what each patch shows."""
    start: int

    def record(self, row: int) -> Record:
        """What image `row` shows and says."""
        return record_of("extra", self.start + row)

    @classmethod
    def make(cls, count: int, *, start: int = 0, workers: int = 1) -> Material:
        """Draw `count` images."""
        starts = range(start, start + count, CHUNK)
        if workers > 1:
            with ProcessPoolExecutor(workers) as pool:
                chunks = list(pool.map(_chunk, starts))
        else:
            chunks = [_chunk(at) for at in starts]
        pixels, whole, places = (np.concatenate(part)[:count] for part in zip(*chunks, strict=True))
        return cls(pixels, whole, places, start)

    @classmethod
    def cached(cls, path: Path, count: int, *, start: int = 0, workers: int = 1) -> Material:
        """As `make`, kept in a file."""
        if not path.exists():
            made = cls.make(count, start=start, workers=workers)
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".part.npz")
            np.savez(beside, pixels=made.pixels, whole=np.packbits(made.whole, 1), places=np.packbits(made.places, 2))
            beside.replace(path)
        with np.load(path) as data:
            whole = np.unpackbits(data["whole"], axis=1)[:, : len(FACTORS)].astype(bool)
            places = np.unpackbits(data["places"], axis=2)[:, :, : len(TRAITS)].astype(bool)
            return cls(data["pixels"], whole, places, start)


def _chunk(start: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """CHUNK images, through JPEG and the resizing of the processor, so that they look as at run time."""
    from PIL import Image

    pixels = np.zeros((CHUNK, EDGE, EDGE), np.uint8)
    whole = np.zeros((CHUNK, len(FACTORS)), bool)
    places = np.zeros((CHUNK, GRID * GRID, len(TRAITS)), bool)
    for row in range(CHUNK):
        scene = scene_of("extra", start + row)
        picture = draw(scene, stream("extra", start + row, 1))
        file = io.BytesIO()
        Image.fromarray(picture.pixels).save(file, "JPEG", quality=QUALITY)
        pixels[row] = np.asarray(Image.open(file).resize((EDGE, EDGE), Image.Resampling.BICUBIC))
        whole[row, factors(scene)] = True
        for kind, mask in picture.marks:
            patch = SIZE // GRID
            seen = mask.reshape(GRID, patch, GRID, patch).max(axis=(1, 3)) > 0.5
            names = {trait(f) for f in scene.findings if f.kind == kind}
            if len(names) == 1:
                places[row, :, TRAITS.index(names.pop())] |= seen.reshape(-1)
            else:
                halves = np.arange(GRID) >= GRID // 2
                for finding in scene.findings:
                    if finding.kind == kind:
                        half = halves == (finding.side == "left")
                        places[row, :, TRAITS.index(trait(finding))] |= (seen & half[None, :]).reshape(-1)
    return pixels, whole, places
