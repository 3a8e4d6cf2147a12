"""Answers to the images a system is tuned on, each by what was tuned without its fold: their score is an honest one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from runners.decisions.folds import fold_of

Rows = NDArray[np.intp]
Cuis = tuple[str, ...]


def answers_held_out(
    groups: Sequence[Hashable], *, folds: int, seed: int, answer: Callable[[Rows, Rows], list[Cuis]]
) -> list[Cuis]:
    """The answers in the order of `groups`; `answer(learned, asked)` tunes on some rows and answers others."""
    fold = fold_of(groups, folds=folds, seed=seed)
    found: dict[int, Cuis] = {}
    for number in np.unique(fold):
        asked = np.flatnonzero(fold == number)
        found |= zip(asked.tolist(), answer(np.flatnonzero(fold != number), asked), strict=True)
    return [found[row] for row in range(len(groups))]
