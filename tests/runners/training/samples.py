"""Samples with their image in memory, for tests of what a model is given to learn."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from runners.training.collate import NOTHING
from runners.training.data import Sample
from tasks.nouns import Example
from tests.runners.asking import pictures

ANSWERS = ("chest shows a large left nodule", "no fracture")


@dataclass(frozen=True)
class InMemory:
    """The bytes of an image file."""

    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


def sample(
    answer: str, *, prompt: str = "Describe.", image: Image.Image | None = None, image_id: str = "image_1"
) -> Sample:
    """What a model learns to write of `image`; the first of `pictures` when there is none."""
    stored = io.BytesIO()
    (image or pictures()[0]).save(stored, "PNG")
    return Sample(Example(image_id, InMemory(stored.getvalue()), "train", reference=answer), prompt, answer)


def two() -> list[Sample]:
    """Two samples whose prompts, images and answers have different lengths."""
    return [
        sample(ANSWERS[0]),
        sample(ANSWERS[1], prompt="What is seen here, in one line?", image=pictures()[3], image_id="image_2"),
    ]


def held_tokens(batch: Mapping[str, Tensor]) -> int:
    """The tokens of image and prompt in a batch of one sample."""
    learnt = int((batch["labels"] != NOTHING).sum())
    if "input_ids" not in batch:
        return batch["decoder_input_ids"].shape[1] + 1 - learnt
    return batch["input_ids"].shape[1] - (0 if "decoder_input_ids" in batch else learnt)
