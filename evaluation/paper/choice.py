"""Which images a paper shows: by their scores, where two runs differ most, where one failed, and by chance.

choose(material, seed=0)
# [Chosen("valid_17", "the best"), Chosen("valid_3", "the median"), ..., Chosen("valid_40", "drawn at random")]

The score is the first that was computed, the primary one where it can be, as the mean of the runs. Draws, and the
choice among images with the same score, are SHA-256 of the seed and the image id: the same on any machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evaluation.paper.material import PaperMaterial

RANDOM = 2
"""Images drawn at random beside those that are chosen by score."""
RANDOM_ALONE = 5
"""As many where there are no scores."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image to show."""

    image_id: str
    why: str


def score_name(material: PaperMaterial) -> str:
    """The score that images are chosen by; empty without scores."""
    names = material.scores[0].scores if material.scores else ()
    return next((name for name in names if all(name in one.scores for one in material.scores)), "")


def choose(material: PaperMaterial, *, seed: int) -> list[Chosen]:
    """The images in the order of the paper, each once."""
    answered = list(next(iter(material.answers.values())))
    drawn = sorted(answered, key=lambda image_id: _draw(seed, image_id))
    found: dict[str, Chosen] = {}
    for one in (*_by_score(material, seed), *_failed(material, drawn)):
        found.setdefault(one.image_id, one)
    n = RANDOM if material.scores else RANDOM_ALONE
    for image_id in [image_id for image_id in drawn if image_id not in found][:n]:
        found[image_id] = Chosen(image_id, "drawn at random")
    return list(found.values())


def values_of(material: PaperMaterial) -> dict[str, tuple[float, ...]]:
    """Image id -> the score of each run there, by which images are chosen; empty without scores."""
    name = score_name(material)
    if not name:
        return {}
    columns = [one.scores[name].per_image for one in material.scores]
    rows = zip(*columns, strict=True)
    return {image_id: tuple(map(float, row)) for image_id, row in zip(material.scores[0].ids, rows, strict=True)}


def _by_score(material: PaperMaterial, seed: int) -> Iterator[Chosen]:
    values = values_of(material)
    counted = {image_id: row for image_id, row in values.items() if not np.isnan(row).any()}
    if not counted:
        return
    ids = sorted(counted, key=lambda image_id: _draw(seed, image_id))
    means = np.array([np.mean(counted[image_id]) for image_id in ids])
    order = np.argsort(means, kind="stable")
    yield Chosen(ids[int(means.argmax())], "the best")
    yield Chosen(ids[order[(len(ids) - 1) // 2]], "the median")
    yield Chosen(ids[order[0]], "the worst")
    for k, name in enumerate(material.names[1:], start=1):
        gaps = np.array([abs(counted[image_id][k] - counted[image_id][0]) for image_id in ids])
        if gaps.max() > 0:
            yield Chosen(ids[int(gaps.argmax())], f"{name} and {material.names[0]} differ most")


def _failed(material: PaperMaterial, drawn: list[str]) -> Iterator[Chosen]:
    for name, run in zip(material.names, material.runs, strict=True):
        failed = {failure["image_id"] for failure in run.record.get("failures") or ()}
        image_id = next((image_id for image_id in drawn if image_id in failed), None)
        if image_id is not None:
            yield Chosen(image_id, f"{name} failed")


def _draw(seed: int, image_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\t{image_id}".encode()).digest()
