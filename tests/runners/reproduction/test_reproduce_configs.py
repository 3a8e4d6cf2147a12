"""A run's recorded config as a file: it means what the config meant, for every config that is shipped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import imageclef
from runners.checkpoints import SAMPLE
from runners.config import Data, Generation, Model, Prompt, RunConfig
from runners.config_files import flatten, load
from runners.experiments import load_experiment
from runners.plan import make_plan
from runners.record import new_record, write_record
from runners.reproduction.configs import config_text
from tasks.nouns import Task
from tests.runners.reproduction.runs import again, told, verdicts
from tests.runners.standin import record

ROOT = Path(__file__).parents[3]
CONFIGS = sorted(path for path in ROOT.glob("configs/*/*.yaml") if not path.name.startswith("train-"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_config_survives_the_way_through_the_record(tmp_path: Path, path: Path) -> None:
    config = load_experiment(path).config
    written = tmp_path / "config.yaml"
    written.write_text(config_text(flatten(config), {}), encoding="utf-8")
    assert flatten(load_experiment(written).config) == flatten(config)


@pytest.mark.parametrize(
    "text",
    ["Findings: #1?\n  'no' \"yes\" {{ hints }}\t% \\ é 日本", "null", "no", "1e3", "x: y", "- a", " ", "~", "a\n\n"],
)
def test_odd_texts_survive(tmp_path: Path, text: str) -> None:
    sampling = Generation(do_sample=True, temperature=1e-05)
    config = RunConfig(
        task=Task.CAPTIONS,
        data=Data(path=text),
        model=Model(name=text),
        prompt=Prompt(text=text),
        fallback=text,
        generation=sampling,
    )
    written = tmp_path / "config.yaml"
    written.write_text(config_text(flatten(config), {}), encoding="utf-8")
    assert load_experiment(written).config == config


def test_a_hubs_revision_is_pinned() -> None:
    flat: dict[str, Any] = {
        "task": "caption_prediction",
        "model.name": "a/b",
        "model.revision": None,
        "adapters": [{"path": "c/d", "revision": None}, {"path": "here", "revision": None}],
    }
    found: dict[str, Any] = {
        "base": {"identity": "hub:a/b@123abc"},
        "adapters": [{"identity": "hub:c/d@456def/inside"}, {"identity": "sha256:0"}],
    }
    text = config_text(flat, found)
    assert "revision: 123abc" in text and "revision: 456def" in text and "path: here\n  revision: null" in text


def test_the_sample_is_reproduced_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded model with its adapter in NF4, as users do it: run, freeze, reproduce from both."""
    monkeypatch.chdir(ROOT)
    config, out = str(ROOT / "configs/concept_detection/sample.yaml"), str(tmp_path / "runs")

    def call(*words: str) -> int:
        return CliRunner().invoke(imageclef.cli, list(words)).exit_code

    assert call("run", config, "--limit", "4", "--run", "four", "--out", out) == 0
    run, archive = tmp_path / "runs/concept_detection/four", tmp_path / "four.zip"
    assert call("freeze", str(run), "--out", str(archive)) == 0
    assert call("reproduce", str(run)) == 0
    assert call("reproduce", str(archive), "--out", str(tmp_path / "theirs")) == 0
    for folder in (run.parent / "four-reproduced", tmp_path / "theirs/concept_detection/four-reproduced"):
        assert (folder / "submission.csv").read_bytes() == (run / "submission.csv").read_bytes()
        assert told(folder)["predictions"]["equal"] == 4
        assert told(folder)["same"] is True, "scored by the command that ran it again, and as before"
        assert verdicts(folder)["adapters"] == verdicts(folder)["base model"] == "same"
        assert record(folder)["model"]["quantized_modules"] == record(run)["model"]["quantized_modules"] > 0


def test_another_adapter_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    mine = shutil.copytree(SAMPLE / "adapters/concept_detection", tmp_path / "mine")
    said = [f"adapters=[{{path: {mine}}}]", "data.limit=2"]
    plan = make_plan(load(ROOT / "configs/concept_detection/sample.yaml", said))
    run = tmp_path / "runs/concept_detection/base"
    submission = {"file": "submission.csv", "sha256": "0", "rows": 2}
    write_record(run, new_record(plan, "base") | {"finished": "2026-01-01T00:00:00+00:00", "submission": submission})
    (run / "predictions.0.jsonl").touch()
    assert again(run, "--check-only").exception is None
    path = mine / "adapter_config.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "  adapters: sha256:" in str(again(run, "--check-only").exception)
    shutil.rmtree(mine)
    gone = str(again(run, "--check-only").exception)
    assert "there is no folder" in gone and "--set 'adapters=[{path: my/adapter}]'" in gone
    moved = "adapters=[{path: sample/concept_detection}]"
    assert again(run, "--check-only", "--set", moved).exception is None
