"""A stage trains exactly what it plans, and proves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.training.collate import Collator
from runners.training.config import TrainConfig
from runners.training.data import read_material
from runners.training.network import Trainee, open_for_training
from runners.training.parts import trainable
from runners.training.stages import Work, checksums, plan_stage, require_moved, start_stage
from runners.training.survival import TrainingStopped
from tasks.nouns import InputError
from tests.runners.training.tiny_training import optimization, settings

Build = Callable[[str], Path]


def work_of(config: dict[str, Any], *, number: int = 1, processes: int = 1) -> Work:
    validated = TrainConfig.model_validate(config)
    return plan_stage(read_material(validated), validated, number, processes=processes)


def started(config: dict[str, Any]) -> tuple[Trainee, tuple[str, ...], tuple[str, ...]]:
    validated = TrainConfig.model_validate(config)
    trainee = open_for_training(validated)
    names, idle = start_stage(trainee, work_of(config), Collator(trainee.model, max_tokens=1024))
    return trainee, names, idle


def test_steps_see_every_image_and_fill_up_the_last(tmp_path: Path) -> None:
    config = settings("sample", data={"path": "sample", "limit": 10}, optimization=optimization(epochs=2, batch_size=3))
    work = work_of(config)
    assert (work.effective_batch, work.steps, len(work)) == (6, 4, 24)
    assert sorted(work.order[:10]) == sorted(work.order[10:20]) == list(range(10))
    assert list(work.order[:10]) != list(work.order[10:20])
    assert work.order == work_of(config).order
    two = work_of(config, processes=2)
    assert (two.effective_batch, two.steps) == (12, 2)
    assert two.order == work.order
    assert work[3] == work.samples[work.order[3]]


def test_stages_share_the_steps_and_have_their_own_prompts_and_images() -> None:
    curriculum = {
        "task": "report_generation",
        "data": {"path": "sample", "limit": 100},
        "prompt": {"name": "mimic_curriculum_ehr"},
        "optimization": optimization(epochs=2, batch_size=5, accumulation=1),
        "stages": [
            {"name": "image", "train": ["language"], "share": 0.35, "prompt": {"name": "mimic_curriculum_image"}},
            {"name": "ehr", "train": ["language"], "share": 0.65, "data": "with_context", "learning_rate": 1e-5},
        ],
    }
    image, ehr = (work_of(settings("sample", **curriculum), number=number) for number in (1, 2))
    assert (image.steps, ehr.steps) == (14, 26)
    assert "Patient Data" not in image.samples[0].prompt and "Patient Data" in ehr.samples[0].prompt
    assert all(sample.example.context for sample in ehr.samples)
    assert (image.learning_rate, ehr.learning_rate) == (5e-3, 1e-5)
    assert image.order != ehr.order


def test_what_trains_is_the_plan_less_what_has_no_effect(tiny: Build) -> None:
    trainee, names, idle = started(settings(tiny("llava"), stages=[{"name": "see", "train": ["vision"]}]))
    assert trainable(trainee.network) == names
    # LLaVA reads the last layer but one of its vision tower.
    assert idle and all("layers.1" in name for name in idle)
    assert names and all("vision_tower" in name and "layers.0" in name and ".lora_" in name for name in names)
    assert all(weight.grad is None for weight in trainee.network.parameters())


def test_every_change_of_a_bit_is_seen(tiny: Build) -> None:
    trainee = open_for_training(TrainConfig.model_validate(settings(tiny("llava"))))
    before = checksums(trainee.network)
    weights = dict(trainee.network.named_parameters())
    for name in ("model.language_model.norm.weight", "lm_head.weight"):
        old = weights[name].data.clone()
        weights[name].data.view(-1)[-1] = torch.nextafter(weights[name].data.view(-1)[-1], torch.tensor(9.0))
        assert {key for key, value in checksums(trainee.network).items() if value != before[key]} == {name}
        weights[name].data = old.flip(0)
        assert (checksums(trainee.network)[name] != before[name]) is not torch.equal(old, old.flip(0))
        weights[name].data = old
    assert checksums(trainee.network) == before


def test_a_stage_that_moved_something_else_or_nothing_is_an_error() -> None:
    before = {"a.lora_A.x": 1, "a.lora_B.x": 1, "b.weight": 1, "norm.weight": 1}
    names = ("a.lora_A.x", "a.lora_B.x", "b.weight")
    require_moved(before, {**before, "a.lora_B.x": 2, "b.weight": 2}, names, stage="s")
    with pytest.raises(TrainingStopped, match=r"1 tensors that it was not to train, norm\.weight"):
        require_moved(before, {**before, "a.lora_B.x": 2, "b.weight": 2, "norm.weight": 2}, names, stage="s")
    with pytest.raises(TrainingStopped, match=r"left 1 of its 2 layers as they were, b is"):
        require_moved(before, {**before, "a.lora_B.x": 2}, names, stage="s")


def test_a_stage_without_images_is_told() -> None:
    config = settings("sample", stages=[{"name": "ehr", "train": ["language"], "data": "with_context"}])
    with pytest.raises(InputError, match="with_context leaves no image"):
        work_of(config)
