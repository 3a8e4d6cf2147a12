"""A training small enough for tests: a tiny checkpoint, some images of the sample data, a handful of steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from runners.training.config import TrainConfig
from runners.training.loop import train
from tasks.nouns import Task, Value


def settings(model: Path | str, **others: Any) -> dict[str, Any]:
    """The keys of a tiny training; `others` replace whole keys."""
    return {
        "task": "caption_prediction",
        "data": {"path": "sample", "limit": 16, "valid": "held_out", "hold_out": 0.25},
        "model": {"name": str(model)},
        "prompt": {"name": "caption"},
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.1},
        "stages": [{"name": "language", "train": ["language"]}],
        "optimization": optimization(),
        "evaluation": {"images": 2},
        "generation": {"max_new_tokens": 4},
        **others,
    }


def optimization(**others: Any) -> dict[str, Any]:
    """Steps of two images, some of whose answers may be cut."""
    return {"batch_size": 1, "accumulation": 2, "learning_rate": 5e-3, "max_truncated": 1.0, **others}


def score(predictions: Mapping[str, Value], references: Mapping[str, Value], task: Task, edition: int) -> Any:
    """Some number that depends on every prediction."""
    return {"letters": sum(len(str(predictions[image_id])) for image_id in references) / len(references)}


def run(folder: Path, config: Mapping[str, Any], **others: Any) -> Path:
    """Train in this process; the final evaluation is left out unless a `score` is given."""
    given = {"score": None, "console": Console(quiet=True), **others}
    return train(TrainConfig.model_validate(config), folder.name, folder, **given)
