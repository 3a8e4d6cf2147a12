"""Where the tests of uploads keep their runs."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def submissions(tmp_path: Path) -> Path:
    return tmp_path / "submissions"
