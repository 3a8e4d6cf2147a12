"""Cross-validation by groups: what something fitted is worth on images it was not fitted on.

Images of one article look alike and share concepts, so all images of a group stand in the same fold:

    checked = cross_validate(n, learn, folds=fold_of(groups, folds=5, seed=0))
    checked.held_out.mean(), checked.tuned, checked.gap    # .249, .251, .002

`learn(rows)` fits on these rows and returns a function from rows to their scores.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runners.decisions.cases import Scores
from tasks.nouns import InputError

Rows = NDArray[np.intp]
Learn = Callable[[Rows], Callable[[Rows], Scores]]


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Scores on the folds that something was fitted on, and on those that it was not."""

    tuned_by_fold: tuple[float, ...]
    """Mean score of the images fitted on, for each fold left out."""
    held_out_by_fold: tuple[float, ...]
    """Mean score of the images of the fold left out."""
    held_out: Scores
    """Score of each image by what was fitted without its fold."""

    @property
    def tuned(self) -> float:
        """Mean score on the images fitted on."""
        return float(np.mean(self.tuned_by_fold))

    @property
    def gap(self) -> float:
        """How much too good the score looks on the images fitted on: the optimism."""
        return self.tuned - float(self.held_out.mean())


def fold_of(groups: Sequence[Hashable], *, folds: int, seed: int) -> NDArray[np.intp]:
    """The fold of each image; groups whole, in random order, each into the fold that is smallest so far."""
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    if len(members) < folds:
        raise InputError(
            f"{len(members)} groups of images cannot make {folds} folds: tune on more images or lower decision.folds"
        )
    in_order = list(members.values())
    shuffled = [in_order[n] for n in np.random.default_rng(seed).permutation(len(in_order))]
    fold = np.empty(len(groups), dtype=np.intp)
    sizes = np.zeros(folds, dtype=np.int64)
    for rows in sorted(shuffled, key=len, reverse=True):  # large groups first, so that the folds come out alike
        smallest = int(np.argmin(sizes))
        fold[rows] = smallest
        sizes[smallest] += len(rows)
    return fold


def cross_validate(fold: NDArray[np.intp], learn: Learn) -> CrossValidated:
    """Fit without each fold in turn, score the images fitted on and those of the fold."""
    held_out = np.empty(len(fold))
    tuned_means, held_means = [], []
    for left_out in range(int(fold.max()) + 1):
        ours, theirs = np.flatnonzero(fold != left_out), np.flatnonzero(fold == left_out)
        score = learn(ours)
        held_out[theirs] = score(theirs)
        tuned_means.append(float(score(ours).mean()))
        held_means.append(float(held_out[theirs].mean()))
    return CrossValidated(tuple(tuned_means), tuple(held_means), held_out)
