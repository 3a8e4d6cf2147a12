"""The order of an epoch: each image once, or those of rare concepts more often.

    order_of(samples, config=config, stage_number=0)             # [812, 3, 1590, ...], as many as there are samples

With `data.balance` b an image weighs as much as its rarest concept, which weighs (N / n)^b: n images of the stage have
it, N the most frequent one. The weight of an image as the greatest of its concepts' is that of repeat factor sampling
(Gupta et al. 2019, LVIS, https://arxiv.org/abs/1908.03195, there with b = 1/2), the way from images drawn alike (b = 0)
to concepts drawn alike (b = 1) that of Kang et al. 2020 (https://arxiv.org/abs/1910.09217, q = 1 - b). Unlike there an
epoch keeps its length, so that steps and learning rate mean the same at every b: an image comes `weight * length / sum
of weights` times, rounded up or down (systematic sampling, Madow 1949). One whose concepts are all frequent does not
come in every epoch, but is not forgotten: from epoch to epoch the start moves on by the golden ratio, so that images
take turns. As images have several concepts, b = 1 makes them equally frequent only as nearly as that allows.

The concepts are the CUIs of task 1 and the labels that a report has as present; a caption has none.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from runners.training.config import TrainConfig
from runners.training.data import Sample
from tasks.nouns import InputError, Report

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole part, fill the space from 0 to 1 most evenly."""


def order_of(samples: Sequence[Sample], *, config: TrainConfig, stage_number: int, epoch: int = 0) -> list[int]:
    """Which sample comes when in an epoch, as indices; the same on every machine for a seed, stage and epoch.

    InputError when the data has no concepts to balance by.
    """
    # Seeded with a text, Random is the same in every process, whatever PYTHONHASHSEED.
    chance = random.Random(f"{config.seed} {stage_number} {epoch}")
    order = list(range(len(samples)))
    if config.data.balance and samples:
        same = random.Random(f"{config.seed} {stage_number}")
        same.shuffle(order)
        weight = weights(samples, balance=config.data.balance)
        places = _systematic([weight[n] for n in order], start=(same.random() + epoch * GOLDEN) % 1)
        order = [order[place] for place in places]
    chance.shuffle(order)
    return order


def weights(samples: Sequence[Sample], *, balance: float) -> list[float]:
    """How often each sample is to come, relative to one whose concepts are all the most frequent."""
    concepts = [_concepts(sample) for sample in samples]
    counts = Counter(concept for of_one in concepts for concept in of_one)
    if not counts:
        raise InputError(
            "data.balance needs concepts, or the labels of reports, and this data has none: set data.balance to 0"
        )
    most = max(counts.values())
    return [max(((most / counts[concept]) ** balance for concept in of_one), default=1.0) for of_one in concepts]


def _concepts(sample: Sample) -> tuple[str, ...]:
    value = sample.example.reference
    if isinstance(value, Report):
        return tuple(label for label, state in value.labels.items() if state == 1)
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else ()


def _systematic(weight: Sequence[float], *, start: float) -> list[int]:
    """As many places as there are weights, each in proportion to its own: equal steps over their running sum.

    `start`, from 0 to 1, is where in a step the first one stands.
    """
    sums = list(accumulate(weight))
    step = sums[-1] / len(weight)
    places: list[int] = []
    place = 0
    for n in range(len(weight)):
        while place < len(weight) - 1 and sums[place] <= (n + start) * step:
            place += 1
        places.append(place)
    return places
