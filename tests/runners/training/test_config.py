"""TrainConfig: an answer may be as long while training as it may be in a run."""

from __future__ import annotations

from typing import Any

import pytest

from runners.config import LENGTHS, RunConfig
from runners.training.config import TrainConfig
from tasks.nouns import Task


def given(task: Task, **others: Any) -> dict[str, Any]:
    named = {"data": {"path": "sample"}, "model": {"name": "sample"}, "prompt": {"text": "What is it?"}}
    return {"task": task.value, **named, **others}


@pytest.mark.parametrize("task", Task)
def test_answers_are_as_long_as_in_a_run_of_the_task(task: Task) -> None:
    trained, asked = (schema.model_validate(given(task)) for schema in (TrainConfig, RunConfig))
    assert trained.generation == asked.generation
    assert trained.generation.max_new_tokens == LENGTHS[task]


def test_a_length_that_is_given_stays() -> None:
    config = TrainConfig.model_validate(given(Task.REPORTS, generation={"max_new_tokens": 7}))
    assert config.generation.max_new_tokens == 7
    beams = TrainConfig.model_validate(given(Task.REPORTS, generation={"num_beams": 3}))
    assert (beams.generation.num_beams, beams.generation.max_new_tokens) == (3, LENGTHS[Task.REPORTS])
