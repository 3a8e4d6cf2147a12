"""The images as vectors: each encoder's embeddings as directions, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from runners.embedding.config import Encoder
from runners.embedding.store import Embeddings, embed_examples, store_folder
from runners.systems.plan import SystemPlan
from runners.systems.whitening import BLOCK, Directions, fit_directions
from tasks.nouns import Example


@dataclass(frozen=True)
class Images:
    """Images with a vector each."""

    examples: tuple[Example, ...]
    vectors: NDArray[np.float16]
    """Images x dimensions."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Image ids, in the order of the rows."""
        return tuple(example.image_id for example in self.examples)

    def __add__(self, other: Images) -> Images:
        return Images((*self.examples, *other.examples), np.concatenate([self.vectors, other.vectors]))


@dataclass(frozen=True)
class Material:
    """All images of a system's run."""

    learn: Images
    tune: Images
    asked: Images
    failures: Mapping[str, str]
    """Image asked about -> why it has no vector."""


def material_of(plan: SystemPlan, console: Console) -> Material:
    """Embed what is not embedded yet."""
    data, source = plan.config.data, plan.config.learn.path or plan.config.data.path
    sides = {
        "learn": (plan.learn.examples, source, plan.learn.split),
        "tune": (plan.tune.examples, source, plan.tune.split),
        "asked": (plan.examples, data.path, data.split),
    }
    if plan.validates:
        del sides["asked"]
    found: dict[str, list[Embeddings]] = {side: [] for side in sides}
    failures: dict[str, str] = {}
    for encoder in plan.config.encoders:
        for side, (examples, path, split) in sides.items():
            stored = _stored(examples, encoder, data=path, split=split, console=console)
            found[side].append(stored.embeddings)
            failures |= stored.failures
    directions = [fit_directions(stored.vectors, components=plan.config.whiten) for stored in found["learn"]]
    images = {side: _joined(sides[side][0], found[side], directions) for side in sides}
    return Material(images["learn"], images["tune"], images.get("asked", images["tune"]), failures)


def _stored(examples: Sequence[Example], encoder: Encoder, *, data: str, split: str, console: Console) -> Any:
    return embed_examples(examples, encoder, store_folder(data, encoder), split=split, console=console)


def _joined(examples: Sequence[Example], parts: Sequence[Embeddings], directions: Sequence[Directions]) -> Images:
    """The images that every encoder could embed."""
    rows = [{image_id: row for row, image_id in enumerate(part.ids)} for part in parts]
    there = [e for e in examples if all(e.image_id in of for of in rows)]
    table = np.empty((len(there), sum(one.width for one in directions)), dtype=np.float16)
    for start in range(0, len(there), BLOCK):
        ids = [e.image_id for e in there[start : start + BLOCK]]
        blocks = [
            one.of(part.vectors[[of[i] for i in ids]]) for part, of, one in zip(parts, rows, directions, strict=True)
        ]
        table[start : start + len(ids)] = np.concatenate(blocks, axis=1)
    return Images(tuple(there), table)
