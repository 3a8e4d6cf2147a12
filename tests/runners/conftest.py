"""Tiny checkpoints that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.runners.standin import Use
from tests.runners.tiny import build, build_adapter

Build = Callable[[str], Path]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The folder of a family's tiny checkpoint, built at first use; do not write into it."""
    root = tmp_path_factory.mktemp("tiny")
    return cache(lambda family: build(family, root / family))


@pytest.fixture(scope="session")
def adapter(tiny: Build, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a random adapter on a tiny family, built once per set of arguments."""
    root = tmp_path_factory.mktemp("adapters")
    made: dict[str, Path] = {}

    def make(family: str, **settings: Any) -> Path:
        key = f"{family}-{sorted(settings.items())}"
        if key not in made:
            made[key] = build_adapter(tiny(family), root / str(len(made)), **settings)
        return made[key]

    return make


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes the run load the given stand-in instead of a checkpoint."""
    return lambda model: monkeypatch.setattr("runners.models.load_model", lambda *_: model)
