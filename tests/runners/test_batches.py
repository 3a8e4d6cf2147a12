"""Batches: every image once, no batch dearer than the first, the same whatever was answered before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from runners.batches import image_costs, make_batches
from tasks.images import stored_size
from tasks.nouns import Example
from tests.runners.standin import Standin


def examples(count: int) -> list[Example]:
    return [Example(f"i{n}", Path(f"i{n}.png"), "test") for n in range(count)]


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=60), st.integers(1, 16), st.booleans())
def test_every_image_once_and_no_batch_too_dear(costs: list[int], size: int, by_cost: bool) -> None:
    asked = examples(len(costs))
    cost = {e.image_id: c for e, c in zip(asked, costs, strict=True)}
    batches = make_batches(asked, costs, size=size, by_cost=by_cost)
    assert sorted(e.image_id for batch in batches for e in batch) == sorted(cost)
    widths = [max(cost[e.image_id] for e in batch) for batch in batches]
    assert widths == sorted(widths, reverse=True)
    if by_cost:
        assert all(len(b) * width <= size * max(costs) for b, width in zip(batches, widths, strict=True))
        assert len(batches) <= -(-len(costs) // size)  # cheap images travel together
    else:
        assert all(len(batch) == size for batch in batches[:-1])


def test_equal_costs_keep_the_order() -> None:
    asked = examples(7)
    assert make_batches(asked, [1] * 7, size=3, by_cost=True) == [asked[:3], asked[3:6], asked[6:]]


class Areas(Standin):
    """A model of dynamic resolution: an image costs a token for each 100 pixels."""

    def tokens(self, sizes: Sequence[tuple[int, int]], views: Any = ()) -> list[int]:
        return [max(1, width * height // 100) for width, height in sizes]


def test_sizes_are_read_from_headers_and_the_costliest_is_named(tmp_path: Path) -> None:
    asked = []
    for n, size in enumerate([(10, 20), (200, 100), (50, 50)]):
        path = tmp_path / f"{n}.png"
        Image.new("L", size).save(path)
        asked.append(Example(str(n), path, "test"))
    asked.append(Example("torn", tmp_path / "torn.png", "test"))
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    asked.append(Example("absent", tmp_path / "absent.png", "test"))
    assert image_costs(asked, Areas().tokens) == ([2, 200, 25, 1, 1], (200, 100))
    # No file is opened for a model that sees all images at one size.
    assert image_costs(asked, Standin().tokens)[0] == [1] * 5


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tiff", "a.webp"])
def test_a_size_needs_no_more_than_the_header(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.new("RGB", (300, 200), "grey").save(path)
    assert stored_size(path) == (300, 200)
