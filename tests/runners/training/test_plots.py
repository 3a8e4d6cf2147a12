"""losses.png: drawn without a display, all stages one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from runners.training.plots import curve, plot_losses, stage_starts
from runners.training.record import Losses, read_losses


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    losses = Losses(tmp_path, ["f1"])
    losses.restart("vision", [])
    for stage in ("vision", "language"):
        for step in (10, 20):
            losses.add(stage, step, {"loss": 30.0 / step, "epoch": 1.0})
        losses.add(stage, 20, {"eval_f1": 0.4, "eval_loss": 1.5})
    return tmp_path


def test_stages_stand_one_after_the_other(folder: Path) -> None:
    rows = read_losses(folder / "losses.csv")
    starts = stage_starts(rows)
    assert starts == {"vision": 0, "language": 20}
    assert curve(rows, "train/loss", starts) == [(10, 3.0), (20, 1.5), (30, 3.0), (40, 1.5)]
    assert curve(rows, "val/f1", starts) == [(20, 0.4), (40, 0.4)]
    assert curve(rows, "val/cider", starts) == []


def test_the_picture_shows_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    plot_losses(folder, metric="f1")
    with Image.open(folder / "losses.png") as picture:
        picture.load()
        assert picture.width > 600
        colours = {colour for _, colour in picture.convert("RGB").getcolors(maxcolors=1 << 24) or ()}
    blue, orange = (31, 119, 180), (255, 127, 14)
    assert {blue, orange} <= colours, "matplotlib's first two colours"


def test_before_the_first_row_nothing_is_drawn(tmp_path: Path) -> None:
    plot_losses(tmp_path, metric="f1")
    Losses(tmp_path, ["f1"]).restart("vision", [])
    plot_losses(tmp_path, metric="f1")
    assert not (tmp_path / "losses.png").exists()


def test_a_training_without_evaluation_has_a_picture(tmp_path: Path) -> None:
    losses = Losses(tmp_path, [])
    losses.restart("language", [{"step": 1, "loss": 2.0, "epoch": 1.0}])
    plot_losses(tmp_path, metric="")
    assert (tmp_path / "losses.png").stat().st_size > 1000
