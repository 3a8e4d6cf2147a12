"""`--overfit N`: a few images learnt by heart, which a model, data and a loss that fit together can do.

config = by_heart(config, 4)                                      # 100 steps, no noise, no schedule
judged(samples, evaluator.predictions, tokenizer)                 # "reproduced 4 of 4 answers: ..."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from runners.training.config import TrainConfig
from runners.training.data import Sample
from runners.training.overfit import verdict
from runners.training.survival import TrainingStopped
from tasks.nouns import Prediction

_STEPS = 100.0
"""In which a few images are learnt by heart."""


def by_heart(config: TrainConfig, images: int) -> TrainConfig:
    """The config with which a sound setup learns `images` images word by word: many small batches, no noise."""
    settings = config.optimization
    batch = min(images, settings.batch_size)
    changed = {"batch_size": batch, "accumulation": 1, "schedule": "constant", "epochs": _STEPS * batch / images}
    stages = tuple(stage.model_copy(update={"epochs": None, "share": None}) for stage in config.stages)
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"balance": 0.0}),
            "lora": config.lora.model_copy(update={"dropout": 0.0}),
            "stages": stages,
            "evaluation": config.evaluation.model_copy(update={"every": None, "patience": None}),
            "optimization": settings.model_copy(update=changed),
        }
    )


def judged(samples: Sequence[Sample], predictions: Sequence[Prediction], tokenizer: Any) -> str:
    """What to say when every answer was learnt; TrainingStopped when not."""

    def writable(answer: str) -> str:
        # A tokenizer may not keep all of a text: BLIP's has no capitals.
        return str(tokenizer.decode(tokenizer(answer, add_special_tokens=False).input_ids, skip_special_tokens=True))

    right, said = verdict([replace(sample, answer=writable(sample.answer)) for sample in samples], predictions)
    if right < len(samples):
        raise TrainingStopped(said)
    return said
