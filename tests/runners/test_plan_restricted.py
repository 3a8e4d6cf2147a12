"""A run has the mark of all that it is made of: its images, its adapters, what it learned from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runners.config_files import load, load_as
from runners.curriculum import write_curriculum
from runners.plan import ModelPlan, make_plan
from runners.systems.config import SystemConfig
from runners.systems.plan import make_system_plan
from tasks.datasets import open_dataset
from tasks.sample.release import write_release

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "report_generation"
WHY = "some data, an agreement"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    write_release(tmp_path / "sample", {"train": 12, "valid": 12, "test": 12})
    return tmp_path / "sample"


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
    learned = tmp_path / "learned"
    marked = replace(open_dataset(sample), restricted=WHY)
    write_curriculum(marked, learned, splits={"train": "train", "valid": "valid"})
    asked = [f"data.path={sample}", f"learn.path={learned}"]
    loaded = load_as(SystemConfig, CONFIGS / "knn.yaml", asked)
    assert make_system_plan(loaded).restricted == WHY
