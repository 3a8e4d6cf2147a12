"""Image tokens as the processors really write them, and the largest batch on simulated cards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from runners.models import capacity
from runners.models.capacity import fitting_batch, largest_batch, tokens_of
from tests.runners.test_generation import generator, opened

Build = Callable[[str], Path]
SIZES = [(40, 30), (64, 64), (200, 120), (30, 90), (500, 2000), (1000, 900), (2048, 2048), (60, 700)]


@pytest.mark.parametrize(
    "family",
    ["llava", "llava_15", "llava_next", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "idefics3", "paligemma"],
)
def test_tokens_are_those_the_processor_writes(family: str, tiny: Build) -> None:
    model = opened(tiny(family))
    written = []
    for size in SIZES:
        [(_, inputs)] = model.prepare([Image.new("RGB", size, "grey")], ["Describe."]).parts
        written.append(inputs["input_ids"].shape[1])
    rest = {length - tokens for length, tokens in zip(written, tokens_of(model.processor, SIZES), strict=True)}
    assert len(rest) == 1, "what is no image token is the same text for every image"
    assert 0 < rest.pop() < min(written)


def test_a_family_without_image_tokens_counts_all_images_alike(tiny: Build) -> None:
    assert len(set(tokens_of(opened(tiny("blip")).processor, SIZES))) == 1


def test_tiles_are_counted_where_the_processor_does_not_count() -> None:
    tiles = SimpleNamespace(get_number_of_image_patches=lambda height, width: (1 + width // 100, 1, width // 100))
    assert tokens_of(SimpleNamespace(image_processor=tiles, image_seq_len=64), [(100, 1), (300, 1)]) == [128, 256]


@dataclass
class Card:
    """Memory of `total` images; leaks `lost` of it at each failed try, as fragments do."""

    total: int
    lost: int = 0
    last: int = 0

    def __post_init__(self) -> None:
        self.tried: list[int] = []
        self.alive: list[weakref.ref[torch.Tensor]] = []

    def answer(self, size: int) -> None:
        self.tried.append(size)
        tensor = torch.zeros(size)
        self.alive.append(weakref.ref(tensor))
        self.last = size
        if size > self.total:
            self.total -= self.lost
            raise torch.OutOfMemoryError("CUDA out of memory.")

    def used(self) -> float:
        return self.last / self.total


@pytest.mark.parametrize(
    ("total", "most", "expected"),
    [(100, 128, 64), (110, 128, 96), (53, 128, 32), (54, 128, 48), (3, 128, 2), (2, 128, 1), (1, 128, 1), (0, 128, 1)],
)
def test_the_largest_batch_leaves_a_tenth_of_the_card(total: int, most: int, expected: int) -> None:
    card = Card(total)
    found = largest_batch(card.answer, most=most, used=card.used)
    assert found == expected and (found <= 0.9 * total or found == 1)
    assert max(card.tried) <= 2 * max(found, 1) or found == 1


def test_no_more_than_asked_are_tried() -> None:
    card = Card(1000)
    assert largest_batch(card.answer, most=24, used=card.used) == 24
    assert max(card.tried) == 24
    assert largest_batch(card.answer, most=1, used=card.used) == 1


def test_a_card_that_loses_memory_at_each_refusal() -> None:
    card = Card(60, lost=20)
    assert largest_batch(card.answer, most=128, used=card.used) == 32


def test_nothing_of_a_failed_try_stays_alive() -> None:
    card = Card(4)
    gc.disable()
    try:
        largest_batch(card.answer, most=64, used=card.used)
        assert [tensor() for tensor in card.alive] == [None] * len(card.tried)
    finally:
        gc.enable()


def test_another_error_is_not_taken_for_lack_of_memory() -> None:
    def broken(size: int) -> None:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        largest_batch(broken, most=8, used=lambda: 0.0)


def test_on_a_cpu_nothing_is_tried(tiny: Build) -> None:
    model: Any = SimpleNamespace(network=SimpleNamespace(device=torch.device("cpu")))
    assert fitting_batch(model, (100, 100)) == 8


def test_the_probe_asks_about_the_costliest_image_at_full_length(tiny: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card is simulated around a real model: every try answers in full, and beyond 6 images memory is out."""
    real = opened(tiny("qwen2_vl"))
    made = generator(real, max_new_tokens=7)
    card = Card(6)
    lengths, images = set(), set()

    class Probed:
        network = SimpleNamespace(device=torch.device("cuda", 0))
        generator = made

        def prepare(self, pictures: Any, prompts: Any, views: Any = ()) -> Any:
            prepared = real.prepare(pictures, prompts)
            images.add(int(prepared.parts[0][1]["image_grid_thw"][0].prod()) // 4)
            return prepared

        def generate(self, prepared: Any, *, seed: int = 0) -> Any:
            card.answer(prepared.size)
            lengths.add(made._generate(prepared.parts[0][1]).shape[1])
            return []

    monkeypatch.setattr(capacity, "_share_in_use", lambda device: card.used())
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    assert fitting_batch(Probed(), (900, 1000)) == 4
    assert lengths == {7} and images == set(tokens_of(real.processor, [(900, 1000)]))
