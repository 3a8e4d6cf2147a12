"""The section `ridge` of a system's config: how wide the kernel is, and how much it is held back.

ridge: {gamma: 1.0, alpha: 1.0}
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from runners.config import Count, Section

Positive = Annotated[float, Field(gt=0)]


class Ridge(Section):
    """Kernel ridge regression of concepts on the images' vectors."""

    gamma: Positive = 1.0
    """Of the kernel exp(-gamma |x - y|^2) of unit vectors, which is exp(2 gamma (cosine - 1))."""
    alpha: Positive = 1.0
    """Weight of the penalty: the larger, the nearer all answers are to the concepts' frequencies."""
    min_support: Count = 5
    """Concepts of fewer training images are not learned."""
