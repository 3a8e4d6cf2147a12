"""Epochs: every image once, or those of rare concepts more often, the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from runners.training.balance import order_of, weights
from runners.training.config import TrainConfig
from runners.training.data import Sample
from tasks.nouns import Example, InputError, Report, Task, Value
from tests.runners.training.small_data import config_of

ROOT = Path(__file__).parents[3]


def samples(*references: Value) -> list[Sample]:
    return [Sample(Example(f"i{n}", Path(f"{n}"), "train", value), "?", "!") for n, value in enumerate(references)]


def balanced(balance: float, *, seed: int = 42) -> TrainConfig:
    return config_of(Task.CONCEPTS, "sample", balance=balance, keys={"seed": seed})


LONG_TAIL: tuple[Value, ...] = (*[("common",)] * 90, *[("rare",)] * 9, ("rarest",))


def mean_counts(balance: float, *, epochs: int = 40) -> list[float]:
    """How often an epoch has an image with each of the three concepts."""
    some = samples(*LONG_TAIL)
    drawn = Counter(
        LONG_TAIL[n]
        for epoch in range(epochs)
        for n in order_of(some, config=balanced(balance), stage_number=0, epoch=epoch)
    )
    return [drawn[concept,] / epochs for concept in ("common", "rare", "rarest")]


def test_without_balance_each_comes_once_in_an_order_of_its_own() -> None:
    some = samples(*LONG_TAIL)
    first = order_of(some, config=balanced(0), stage_number=0)
    assert sorted(first) == list(range(100)) and first != list(range(100))
    assert order_of(some, config=balanced(0), stage_number=0) == first
    others = [
        order_of(some, config=balanced(0), stage_number=1),
        order_of(some, config=balanced(0), stage_number=0, epoch=1),
        order_of(some, config=balanced(0, seed=-7), stage_number=0),
    ]
    assert all(sorted(other) == sorted(first) and other != first for other in others)


def test_weights_are_those_of_the_formula() -> None:
    some = samples(("a", "b"), ("a",), ("a",), ("a", "c"), ("a", "c"), ())
    assert weights(some, balance=1) == [5.0, 1.0, 1.0, 2.5, 2.5, 1.0]  # a five times, c twice, b once
    assert weights(some, balance=0.5)[0] == pytest.approx(5**0.5)
    assert weights(some, balance=0) == [1.0] * 6


def test_labels_of_reports_count_when_present() -> None:
    some = samples(
        Report("a", "", {"Edema": 1, "Fracture": 0}), Report("b", "", {"Edema": 1}), Report("c", "", {"Fracture": 1})
    )
    assert weights(some, balance=1) == [1.0, 1.0, 2.0]


def test_full_balance_makes_concepts_equally_frequent() -> None:
    some = samples(*LONG_TAIL)
    assert all(len(order_of(some, config=balanced(b), stage_number=0)) == 100 for b in (0, 0.3, 1))
    assert all(abs(count - 33.3) < 1 for count in mean_counts(1))
    total = 90 + 9 * 10**0.5 + 90**0.5
    expected = [100 * count / total for count in (90, 9 * 10**0.5, 90**0.5)]
    assert all(abs(count - wanted) < 1 for count, wanted in zip(mean_counts(0.5), expected, strict=True))


def test_nobody_is_left_out_for_good() -> None:
    some = samples(*LONG_TAIL)
    for seed in range(5):
        epochs = [order_of(some, config=balanced(1, seed=seed), stage_number=0, epoch=epoch) for epoch in range(12)]
        times = Counter(n for epoch in epochs for n in epoch)
        # 100 / 270 times an epoch, so 4.4 times in twelve.
        assert all(3 <= times[n] <= 6 for n in range(90))


def test_captions_cannot_be_balanced() -> None:
    some = samples("a", "b")
    with pytest.raises(InputError, match=r"set data\.balance to 0"):
        order_of(some, config=balanced(0.5), stage_number=0)
    assert sorted(order_of(some, config=balanced(0), stage_number=0)) == [0, 1]
    assert order_of([], config=balanced(0.5), stage_number=0) == []


def test_every_process_has_the_same_order() -> None:
    code = (
        "from tests.runners.training.test_balance import *\n"
        "print(order_of(samples(*LONG_TAIL), config=balanced(0.5), stage_number=2, epoch=3))"
    )
    here = order_of(samples(*LONG_TAIL), config=balanced(0.5), stage_number=2, epoch=3)
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=env
        )
        assert done.stdout.strip() == str(here)
