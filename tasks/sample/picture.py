"""Scene -> picture: which phantom is drawn for which modality and region.

draw(scene_of("test", 0), stream("test", 0, 1)).pixels      # uint8, 224 x 224
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.sample import radiographs, sections, ultrasound
from tasks.sample.canvas import Canvas, Mask
from tasks.sample.scene import Finding, Scene

PHANTOMS: dict[tuple[str, str], Callable[[Canvas, tuple[Finding, ...]], None]] = {
    ("xray", "chest"): radiographs.chest,
    ("xray", "skull"): radiographs.skull,
    ("xray", "arm"): radiographs.arm,
    ("xray", "leg"): radiographs.leg,
    ("xray", "pelvis"): radiographs.pelvis,
    ("xray", "spine"): radiographs.spine,
    ("ct", "brain"): sections.ct_brain,
    ("ct", "chest"): sections.ct_chest,
    ("ct", "abdomen"): sections.ct_abdomen,
    ("mr", "brain"): sections.mr_brain,
    ("mr", "spine"): sections.mr_spine,
    ("mr", "pelvis"): sections.mr_pelvis,
    ("us", "abdomen"): ultrasound.abdomen,
    ("us", "pelvis"): ultrasound.pelvis,
    ("us", "breast"): ultrasound.breast,
}

NOISE = {"xray": 8.0, "ct": 9.0, "mr": 7.0, "us": 4.0}
"""Strength of the grain by modality, in grey levels."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The pixels, and where each finding lies in them."""

    pixels: NDArray[np.uint8]
    marks: tuple[tuple[str, Mask], ...]


def draw(scene: Scene, rng: np.random.Generator) -> Picture:
    """The phantom of a scene; another `rng` gives another patient with the same findings."""
    canvas = Canvas(rng)
    PHANTOMS[scene.modality, scene.region](canvas, scene.findings)
    return Picture(canvas.finish(NOISE[scene.modality]), tuple(canvas.marks))
