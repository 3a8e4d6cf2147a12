"""The section `decision` of a config: which rule makes CUIs of probabilities.

decision: {rule: expected_f1, folds: 5}
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runners.config import Count, Section


class Decision(Section):
    """How probabilities become CUIs; every rule is fitted on the tuning split."""

    rule: Literal["threshold", "top_k", "per_concept", "expected_f1", "auto"] = "expected_f1"
    """One threshold for all; the k most probable; a threshold per concept; the set whose expected F1 is highest; auto:
    the one of these that does best on held-out folds, chosen anew in each fold."""
    folds: Annotated[int, Field(ge=2, strict=True)] = 5
    """Folds of the cross-validation that tells what the rule is worth."""
    min_support: Count = 20
    """per_concept: tuning images that must hold a concept before it gets a threshold of its own."""
    cooccurrence: Annotated[float, Field(ge=0)] = 0.0
    """Strength of a correction by which concepts go together in the training images, made before anything is tuned or
    decided; 0 for none, 0.2 was best on ROCO."""
    exclusive: bool = False
    """Lower the less probable of two concepts that the training images never have together, such as two modalities."""
