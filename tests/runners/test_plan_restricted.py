"""A run has the mark of all that it is made of: its images, its adapters, what it learned from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runners.config_files import load, load_as
from runners.plan import ModelPlan, make_plan
from runners.systems.config import SystemConfig
from runners.systems.plan import make_system_plan
from tasks.sample.release import write_release

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "report_generation"
WHY = "some data, an agreement"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    write_release(tmp_path / "sample", {"train": 12, "valid": 12, "test": 12})
    return tmp_path / "sample"


def curriculum(sample: Path, folder: Path) -> Path:
    """The sample's training reports as a data set that may not be passed on."""
    image = next((sample / "dev_report" / "images").iterdir())
    row = {"prompt": "Image:<image>", "target": "Impression: Normal.", "mode": "image_only", "stage": "A"}
    for split in ("train", "valid"):
        copy = folder / f"{split}.jpg"
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(image.read_bytes())
        text = json.dumps({"image": copy.name, **row}) + "\n"
        (folder / f"curriculum_{split}.jsonl").write_text(text, encoding="utf-8")
    (folder / "curriculum.json").write_text(json.dumps({"data": {"restricted": WHY}, "files": {}}), encoding="utf-8")
    return folder


def plan(sample: Path, *settings: str) -> ModelPlan:
    return make_plan(load(CONFIGS / "sample.yaml", [f"data.path={sample}", *settings]))


def test_a_run_of_free_data_has_no_mark(sample: Path) -> None:
    assert plan(sample).restricted == ""


def test_an_adapter_that_learned_from_restricted_data_marks_its_runs(sample: Path, tmp_path: Path) -> None:
    training = tmp_path / "training"
    adapter = ROOT / "runners" / "sample_model" / "adapters" / "report_generation"
    (training / "adapter").mkdir(parents=True)
    for path in adapter.iterdir():
        (training / "adapter" / path.name).write_bytes(path.read_bytes())
    (training / "training.json").write_text(json.dumps({"data": {"restricted": WHY}}), encoding="utf-8")
    assert plan(sample, f"adapters=[{{path: {training / 'adapter'}}}]").restricted == WHY


def test_a_system_that_learned_from_restricted_data_marks_its_runs(sample: Path, tmp_path: Path) -> None:
    learned = curriculum(sample, tmp_path / "learned")
    asked = [f"data.path={sample}", f"learn.path={learned}"]
    loaded = load_as(SystemConfig, CONFIGS / "knn.yaml", asked)
    assert make_system_plan(loaded).restricted == WHY
