"""What other answers to the same images would score: constants below the submission, oracles above it.

A constant answer is the most frequent concepts of training, their number chosen there too. An oracle knows the truth
but is held to something: to the concepts that training has, to those that the submission ever names, to the ranking of
each image's probabilities, to one threshold for all. None of them is a system; together they say whether vocabulary,
ranking or decision costs most:

    [(one.name, one.value) for one in limits(material)]    # [("empty", 0.019), ("constant", 0.152), ...]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluation.bootstrap import intervals
from evaluation.concepts.material import Material, only_true
from evaluation.concepts.probable import Weighed
from evaluation.metrics.concept_f1 import EMPTY, Labels, Overlap
from evaluation.statistics import Statistics

MOST = 20
"""Concepts in the longest constant answer."""


class Constant(NamedTuple):
    """The `k` most frequent concepts of training as the answer to every image."""

    k: int
    cuis: tuple[str, ...]
    f1_training: float
    """The score on the training images, by which `k` is chosen."""
    statistics: Statistics
    """The score here."""


class Limit(NamedTuple):
    """What one kind of answers scores."""

    name: str
    value: float
    ci: tuple[float, float]
    what: str


def constants(material: Material) -> list[Constant]:
    """The constant answers of 1, 2, ... concepts; none when it is not known what was learned from."""
    support, training = material.support, material.training
    if support is None or training is None:
        return []
    order = np.lexsort((np.asarray(material.cuis), -support))[: min(MOST, int((support > 0).sum()))]
    found = []
    for k in range(1, len(order) + 1):
        top = order[:k].tolist()
        skipped = training.nothing & material.skips_empty
        learned = Statistics.mean(np.where(skipped, np.nan, _same(training, top).f1), in_order=True).value
        cuis = tuple(material.cuis[number] for number in top)
        found.append(Constant(k, cuis, learned, material.mean(_same(material.truths, top).f1)))
    return found


def chosen(found: list[Constant]) -> Constant | None:
    """The constant answer that is best on training, the shortest of equals."""
    return max(found, key=lambda one: one.f1_training, default=None)


def limits(material: Material, weighed: Weighed | None, *, seed: int = 0, resamples: int = 1000) -> list[Limit]:
    """The baselines, the submission, and the oracles; those that cannot be had are left out."""
    found: list[tuple[str, Statistics, str]] = []
    empty = material.mean(_same(material.truths, [EMPTY]).f1)
    found.append(("empty", empty, "no concept for any image"))
    constant = chosen(constants(material))
    if constant is not None:
        what = f"the {constant.k} most frequent concepts of training, as many as are best there"
        found.append(("constant", constant.statistics, what))
    if material.scores_before is not None:
        before = material.scores_before.scores["f1"].statistics
        found.append(("before", before, f"the submission compared with: {material.name_before}"))
    found.append(("submission", material.f1.statistics, material.name))
    found += _oracles(material, weighed)
    ends = intervals([one for _, one, _ in found], resamples=resamples, seed=seed, groups=material.together)
    return [Limit(name, one.value, ci, what) for (name, one, what), ci in zip(found, ends, strict=True)]


def _oracles(material: Material, weighed: Weighed | None) -> list[tuple[str, Statistics, str]]:
    found = []
    if weighed is not None:
        at = weighed.by_threshold[:, int(np.argmax(weighed.f1))]
        what = f"the concepts of probability {weighed.best_threshold:g} or more, chosen on these references"
        found.append(("threshold oracle", material.mean(at), what))
        what = "of each image's most probable concepts the best number"
        found.append(("ranking oracle", material.mean(weighed.ranking), what))
    named = np.flatnonzero(material.ours.frequencies)
    what = f"perfect answers of the {np.count_nonzero(named)} concepts that the submission ever names"
    found.append(("named concepts oracle", material.mean(only_true(material.truths, named.tolist()).f1), what))
    if material.support is not None:
        seen = np.flatnonzero(material.support)
        what = f"perfect answers of the {len(seen)} concepts of training"
        found.append(("training concepts oracle", material.mean(only_true(material.truths, seen.tolist()).f1), what))
    return found


def _same(truths: Labels, answer: list[int]) -> Overlap:
    """The same labels for every image."""
    return Overlap(truths.counts, np.full(truths.n, float(len(answer))), truths.only(answer).counts)
