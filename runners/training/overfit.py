"""`--overfit N`: what cannot learn N images by heart cannot learn at all, and this says so.

verdict(samples, evaluator.predictions)     # (8, "reproduced 8 of 8 answers: model, data and loss fit together")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.nouns import Prediction

if TYPE_CHECKING:
    from runners.training.data import Sample


def verdict(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> tuple[int, str]:
    """How many of `samples` the model writes word by word after training on them alone, and what that means."""
    written = {prediction.image_id: prediction.text for prediction in predictions}
    missed = [s for s in samples if written.get(s.example.image_id, "").split() != s.answer.split()]
    right = len(samples) - len(missed)
    said = f"reproduced {right} of {len(samples)} answers"
    if not missed:
        return right, f"{said}: model, data and loss fit together"
    first = missed[0]
    return right, (
        f"{said}; {first.example.image_id} should read {first.answer[:200]!r} and reads "
        f"{written.get(first.example.image_id, '')[:200]!r}. A model that cannot learn a few images by heart learns "
        "nothing from many: take more steps or a higher learning_rate, and look at --dry-run"
    )
