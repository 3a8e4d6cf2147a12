"""`imageclef train`: its options, messages and exit statuses, and every config that ships."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from runners.config import RunConfig
from runners.config_files import load, load_as
from runners.prompts import prompt_text
from runners.training.commands import train
from runners.training.config import TrainConfig
from runners.training.data import read_material
from runners.training.linter import lint_run
from tasks.nouns import InputError, Task
from tests.runners.training.small_data import config_of, id_of, make_concepts
from tests.runners.training.tiny_training import score

Build = Callable[[str], Path]
ROOT = Path(__file__).parents[3]
CONFIGS = sorted(ROOT.glob("configs/*/train-*.yaml"))
CAPTIONS = ROOT / "configs" / "caption_prediction" / "train-sample.yaml"
CONCEPTS = ROOT / "configs" / "concept_detection" / "train-sample.yaml"
SMALL = (
    "data.limit=8 data.valid=held_out data.hold_out=0.25 optimization.batch_size=2 optimization.epochs=1 "
    "optimization.max_truncated=1 evaluation.images=2 generation.max_new_tokens=4"
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def call(*words: str, obj: Any = score) -> Result:
    result = CliRunner().invoke(train, words, obj=obj)
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def test_a_training_is_a_folder_that_says_where_its_adapter_is(tiny: Build, tmp_path: Path) -> None:
    words = [str(CAPTIONS), "--out", str(tmp_path), "--set", f"{SMALL} model.name={tiny('llava')}"]
    done = call(*words)
    folder = tmp_path / "caption_prediction" / "train-sample"
    assert done.exit_code == 0 and f"trained: {folder / 'adapter'}" in done.output
    names = {"adapter", "stages", "checkpoints", "training.json", "losses.csv", "README.md"}
    assert names <= {path.name for path in folder.iterdir()}
    again = call(*words)
    assert again.exit_code == 0 and "finished" in again.output and "stage 1" not in again.output
    named = call(*words, "--name", "other", obj=None)
    assert "nothing was evaluated: no scorer was given; imageclef run" in named.output
    assert (tmp_path / "caption_prediction" / "other" / "adapter" / "adapter_model.safetensors").exists()


def test_data_is_short_for_its_key_and_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    shown = call(str(CAPTIONS), "--out", str(tmp_path), "--set", SMALL, "--data", "sample", "--dry-run")
    assert shown.exit_code == 0 and "stage 1 of 1, language" in shown.output
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="nowhere"):
        call(str(CAPTIONS), "--data", "nowhere", "--out", str(tmp_path))


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_a_name_is_one_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one folder's name"):
        call(str(CAPTIONS), "--name", name, "--out", str(tmp_path), "--set", SMALL)


def test_a_bad_config_is_told_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"optimization\.learningrate: unknown key; nearest valid key: 'learning_rate'"
    ):
        call(str(CAPTIONS), "--set", "optimization.learningrate=1", "--out", str(tmp_path))
    with pytest.raises(InputError, match="quantized weights cannot be trained in full"):
        full = "quantization=nf4 stages=[{name: a, train: [language], how: full}]"
        call(str(CAPTIONS), "--set", full, "--out", str(tmp_path))


@pytest.mark.parametrize(
    ("setting", "said"),
    [("generation.json_schema=report", "report is for task 3"), ("optimization.epochs=1e9", r"optimization\.epochs")],
)
def test_what_would_fail_or_hang_later_is_refused_first(setting: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        call(str(CAPTIONS), "--set", setting, "--out", str(tmp_path))


@pytest.mark.parametrize("name", ["a/b", "..", "", "a\\b", "x" * 200])
def test_a_stage_s_name_is_one_folder_s(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stages.*name"):
        call(str(CAPTIONS), "--set", f"stages=[{{name: '{name}', train: [language]}}]", "--out", str(tmp_path))


def test_what_the_record_says_of_answers_is_what_the_linter_reads(tiny: Build, tmp_path: Path) -> None:
    done = call(str(CAPTIONS), "--out", str(tmp_path), "--set", f"{SMALL} model.name={tiny('llava')}", obj=None)
    assert "generation.max_new_tokens: 4 ends answers before they are complete" in done.output
    asked = {
        "task": "caption_prediction",
        "data": {"path": "sample"},
        "model": {"name": str(tiny("llava"))},
        "prompt": {"name": "caption"},
        "adapters": [{"path": str(tmp_path / "caption_prediction" / "train-sample" / "adapter")}],
    }
    assert lint_run(RunConfig.model_validate({**asked, "generation": {"max_new_tokens": 500}})) == []
    [finding] = lint_run(RunConfig.model_validate({**asked, "generation": {"max_new_tokens": 4}}))
    assert "max_new_tokens: 4 ends answers" in finding


def test_what_the_audit_notes_is_said_before_and_while_training(tiny: Build, tmp_path: Path) -> None:
    ids = [id_of(split, number) for split in ("train", "valid") for number in range(2)]
    data = make_concepts(tmp_path / "data", dict.fromkeys(ids, "C0000001;C0000009"), {"C0000001": "Thing"})
    for number, image in enumerate(sorted((data / "images").iterdir())):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(image)
    [noted] = read_material(config_of(Task.CONCEPTS, data)).audit["notes"]
    words = [str(CONCEPTS), "--out", str(tmp_path), "--data", str(data)]
    words += ["--set", f"{SMALL} data.hold_out=null data.valid=valid model.name={tiny('llava')}"]
    for shown in (call(*words, "--dry-run"), call(*words, obj=None)):
        assert noted in shown.output


def test_overfit_learns_a_few_images_by_heart_or_exits_1(tiny: Build, tmp_path: Path) -> None:
    full = "stages=[{name: all, train: [vision, language], how: full}]"
    settings = (
        f'model.name={tiny("blip")} prompt.name=null prompt.text="" optimization.learning_rate=2e-3 '
        "optimization.batch_size=2 generation.max_new_tokens=60"
    )
    words = [str(CAPTIONS), "--out", str(tmp_path), "--set", settings, "--set", full, "--overfit", "2"]
    learnt = call(*words)
    assert learnt.exit_code == 0 and "reproduced 2 of 2 answers" in learnt.output
    record = json.loads(
        (tmp_path / "caption_prediction" / "train-sample-overfit-2" / "training.json").read_text(encoding="utf-8")
    )
    assert record["data"]["train"] == record["data"]["valid"] == 2
    failed = call(*words, "--name", "slow", "--set", "optimization.learning_rate=1e-6")
    assert failed.exit_code == 1 and "stopped: reproduced 0 of 2 answers" in failed.output


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_shipped_configs_are_valid_and_in_their_task_s_folder(path: Path) -> None:
    config = load_as(TrainConfig, path).config
    assert config.task is Task.of(path.parent.name)
    for prompt in (config.prompt, *(stage.prompt for stage in config.stages if stage.prompt)):
        prompt_text(prompt)


def test_every_task_has_a_sample_training_that_asks_as_its_run_does() -> None:
    for task in Task:
        trained = load_as(TrainConfig, ROOT / "configs" / task.value / "train-sample.yaml").config
        asked = load(ROOT / "configs" / task.value / "sample.yaml").config
        assert (trained.prompt, trained.model, trained.generation) == (asked.prompt, asked.model, asked.generation)


def test_the_published_schemes_ship_as_they_were_published() -> None:
    radvision = load_as(TrainConfig, ROOT / "configs" / "report_generation" / "train-radvision.yaml").config
    assert [stage.train for stage in radvision.stages] == [("vision",), ("projector",), ("language",)]
    assert (radvision.quantization, radvision.lora.rank, radvision.lora.alpha) == ("nf4", 16, 32.0)
    curriculum = load_as(TrainConfig, ROOT / "configs" / "report_generation" / "train-curriculum.yaml").config
    assert [stage.share for stage in curriculum.stages] == [0.35, 0.65]
    first, second = (prompt_text(stage.prompt or curriculum.prompt) for stage in curriculum.stages)
    assert "Patient Data" not in first and "Patient Data" in second
    assert curriculum.stages[1].data == "with_context"
