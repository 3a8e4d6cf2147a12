"""Scores by how often concepts were there to learn from: head, torso, tail, and those never seen.

The concepts of the training split, ordered by how many of its images have them, are cut where a third and two thirds of
all its labels are reached: the few most frequent ones that make up the first third are the head, those of the second
the torso, the many of the last the tail. The concept that crosses a cut belongs to the band before it. Equal thirds of
labels are this program's definition: a band's share of the truth then says whether the scored images are like those of
training, and each band weighs about alike in micro F1.

    bands_of(np.array([0, 6, 3, 2, 1]), ["", "C6", "C3", "C2", "C1"])     # [3, 0, 1, 2, 2]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evaluation.bootstrap import intervals
from evaluation.concepts.material import Material
from evaluation.metrics.concept_f1 import EMPTY, secondary_f1

BANDS = ("head", "torso", "tail", "unseen")


class Band(NamedTuple):
    """How the concepts of a band fare."""

    name: str
    concepts: int
    """Concepts in it; of those never seen, the ones that are true or predicted here."""
    support: tuple[int, int]
    """The fewest and the most training images of one of them; 0 and 0 when there is none."""
    training_share: float
    """Of all labels of training."""
    true_share: float
    """Of all true labels here."""
    true: int
    """Labels, over all images."""
    predicted: int
    both: int
    f1: float
    """The mean over the images with a true concept of the band of their F1 on the band's concepts alone, as the
    secondary score counts its CUIs; NaN without such an image."""
    ci: tuple[float, float]

    @property
    def precision(self) -> float | None:
        """Of its predicted labels the share that is true; None without any."""
        return self.both / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Of its true labels the share that was predicted; None without any."""
        return self.both / self.true if self.true else None

    @property
    def f1_micro(self) -> float | None:
        """F1 of all its labels taken together; None without any."""
        return 2 * self.both / (self.true + self.predicted) if self.true + self.predicted else None


def bands_of(support: npt.NDArray[np.int64], cuis: Sequence[str]) -> npt.NDArray[np.int64]:
    """Label number -> place of its band in `BANDS`; concepts of equal support are taken by CUI."""
    order = np.lexsort((np.asarray(cuis), -support))
    before = np.cumsum(support[order]) - support[order]
    found = np.empty(len(support), dtype=np.int64)
    found[order] = np.minimum(3 * before // max(int(support.sum()), 1), 2)
    found[support == 0] = len(BANDS) - 1
    return found


def bands(material: Material, *, resamples: int = 1000, seed: int = 0) -> list[Band]:
    """The bands, the most frequent concepts first; none when it is not known what was learned from."""
    support = material.support
    if support is None:
        return []
    place = bands_of(support, material.cuis)
    truths, ours = material.truths.concepts, material.ours.concepts
    counts = [side.frequencies.astype(np.int64) for side in (truths, ours, truths & ours)]
    here = (support > 0) | (counts[0] + counts[1] > 0)
    here[EMPTY] = False
    members = [np.flatnonzero((place == number) & here) for number in range(len(BANDS))]
    measured = [secondary_f1(material.truths, material.ours, allowed=own.tolist()) for own in members]
    ends = intervals(measured, resamples=resamples, seed=seed, groups=material.together)
    found = []
    for name, own, score, ci in zip(BANDS, members, measured, ends, strict=True):
        true, predicted, both = (int(of[own].sum()) for of in counts)
        least, most = (int(support[own].min()), int(support[own].max())) if len(own) else (0, 0)
        share = int(support[own].sum()) / int(support.sum())
        true_share = true / max(int(counts[0].sum()), 1)
        found.append(Band(name, len(own), (least, most), share, true_share, true, predicted, both, score.value, ci))
    return found
