"""A small training on the embedded sample, as a config."""

from __future__ import annotations

from typing import Any

from runners.training.config import TrainConfig


def train_config(**changed: Any) -> TrainConfig:
    """Concepts, the embedded model, LoRA on projector and language, as far as `changed` says nothing else."""
    return TrainConfig.model_validate(
        {
            "task": "concept_detection",
            "data": {"path": "sample", "limit": 40},
            "model": {"name": "sample"},
            "prompt": {"name": "concepts"},
            **changed,
        }
    )
