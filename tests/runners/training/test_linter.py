"""A run that asks otherwise than the training did is told so, in a line that says the mend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runners.config import Generation, RunConfig
from runners.config_files import flatten
from runners.training.linter import lint, lint_run, too_short
from tasks.nouns import InputError
from tests.runners.training.plans import train_config

SAME: dict[str, Any] = {
    "task": "concept_detection",
    "data": {"path": "sample"},
    "model": {"name": "sample"},
    "adapters": [{"path": "trainings/concept_detection/mine/adapter"}],
    "prompt": {"name": "concepts"},
}


def run(**changed: Any) -> RunConfig:
    return RunConfig.model_validate({**SAME, **changed})


def test_a_run_like_its_training_has_no_findings(tmp_path: Path) -> None:
    from runners.prompts import prompt_text

    assert lint(train_config(), run(), enough=100) == []
    file = tmp_path / "prompt.txt"
    file.write_text(prompt_text(train_config().prompt) + "\n", encoding="utf-8")
    assert lint(train_config(), run(prompt={"file": str(file)})) == [], "the same words are the same prompt"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"task": "captions"}, ["task: the run has caption_prediction", "concept_detection"]),
        ({"adapters": []}, ["adapters: the run uses none"]),
        ({"model": {"name": "other/model"}}, ["model.name: the run has other/model", "set it to sample"]),
        ({"model": {"name": "sample", "revision": "abc"}}, ["model.revision: the run has abc", "set it to null"]),
        ({"quantization": "nf4"}, ["quantization: the run has nf4, the training had none", "set it to none"]),
        ({"model": {"name": "sample", "max_pixels": 99}}, ["model.max_pixels: the run has 99", "set it to null"]),
        ({"prompt": {"name": "concepts", "language": "es"}}, ["prompt.language: the run asks in 'es'", "set it to en"]),
        ({"prompt": {"text": "What?"}}, ["prompt: the run asks 'What?'", "set it to {name: concepts}"]),
        ({"prompt": {"name": "caption"}}, ["prompt: the run asks", "set it to {name: concepts}"]),
    ],
)
def test_each_difference_is_one_line_with_its_mend(changed: dict[str, Any], said: list[str]) -> None:
    [finding] = lint(train_config(), run(**changed))
    assert all(words in finding for words in said), finding
    assert "\n" not in finding


def test_all_differences_are_told_at_once() -> None:
    found = lint(train_config(), run(task="captions", adapters=[], prompt={"text": "What?"}), enough=200)
    assert [finding.partition(":")[0] for finding in found] == [
        "adapters",
        "task",
        "prompt",
        "generation.max_new_tokens",
    ]


def test_the_last_stage_says_how_to_ask() -> None:
    """Image only first, then with the patient's context: a run asks as the second stage did."""
    first, second = {"text": "Describe."}, {"text": "Describe. Context: {{ context.age }}"}
    stages = [
        {"name": "a", "train": ["language"], "prompt": first},
        {"name": "b", "train": ["language"], "prompt": second},
    ]
    train = train_config(stages=stages)
    assert lint(train, run(prompt=second)) == []
    [finding] = lint(train, run(prompt=first))
    assert finding.startswith("prompt: the run asks as an earlier stage did") and str(second["text"])[:20] in finding
    [finding] = lint(train, run(prompt={"name": "concepts"}))
    assert finding.startswith("prompt: the run asks 'List"), "the training's own prompt, which no stage used"


def test_generation_has_room_for_99_of_100_answers() -> None:
    assert too_short(Generation(max_new_tokens=20), 20) == []
    [finding] = too_short(Generation(max_new_tokens=19), 20)
    assert finding.startswith("generation.max_new_tokens: 19") and "99% of them fit in 20 tokens" in finding


def written(folder: Path, **changed: Any) -> str:
    """A training's record as `imageclef train` leaves it, and the path of its adapter."""
    folder.mkdir()
    content = {
        "config": flatten(train_config(**changed)),
        "prompt": "What is shown?",
        "stages": [{"name": "a"}, {"name": "b", "tokens": {"enough": 120}}],
    }
    (folder / "training.json").write_text(json.dumps(content), encoding="utf-8")
    return str(folder / "adapter")


def test_a_run_is_compared_with_the_records_beside_its_adapters(tmp_path: Path) -> None:
    mine = written(tmp_path / "mine", stages=[{"name": "a", "train": ["language"], "prompt": {"name": "concepts"}}])
    told = written(tmp_path / "told", prompt={"file": str(tmp_path / "gone.txt")})
    room = {"max_new_tokens": 120}
    assert lint_run(run(adapters=[{"path": mine}], generation=room)) == []
    [finding] = lint_run(run(adapters=[{"path": mine}], generation={"max_new_tokens": 100}))
    assert finding.startswith(f"{mine}: generation.max_new_tokens: 100 ") and "120 tokens" in finding
    [finding] = lint_run(run(adapters=[{"path": mine}, {"path": told}], generation=room))
    assert finding.startswith(f"{told}: prompt: the run asks 'List") and "'What is shown?'" in finding
    assert lint_run(run(adapters=[{"path": "sample/concept_detection"}, {"path": "some/adapter"}])) == []


@pytest.mark.parametrize("text", ["{}", "no json", '{"config": {"task": "knitting"}, "stages": []}', "[]"])
def test_a_record_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"training\.json: not a training record"):
        lint_run(run(adapters=[{"path": str(tmp_path / "adapter")}]))
