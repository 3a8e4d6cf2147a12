"""Tiny checkpoints that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.runners.tiny import build

Build = Callable[[str], Path]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The folder of a family's tiny checkpoint, built at first use; do not write into it."""
    root = tmp_path_factory.mktemp("tiny")
    return cache(lambda family: build(family, root / family))
