"""Is one system better than another? Two tests on the same images, and a correction for several comparisons.

Both work on the summands of a metric (`evaluation.statistics`), so that corpus BLEU is tested as corpus BLEU:

* paired bootstrap: images are drawn with replacement, for both systems alike; p is the share of draws whose
  difference lies as far from the mean of all draws as the observed one from zero, on either side (Koehn, 2004;
  Efron and Tibshirani, 1993, chapter 16). sacrebleu subtracts the mean from absolute differences instead, and its
  p is smaller, half of this one or less;
* approximate randomisation: on each image the systems' summands are swapped or not, at even odds; p is the share
  of swaps whose difference is at least the observed one (Noreen, 1989; Riezler and Maxwell, 2005), as in sacrebleu.

p = (1 + hits) / (1 + trials), so it is never 0. The raw PCG64 stream gives the same p for a seed on any machine.
Draws and swaps go by an image's place: in another order of the images the same seed gives another p, as far away
as another seed would. All systems and metrics of a call share one set of draws and one of swaps:

    found = compare(ours, theirs, trials=1000, seed=0)
    found.difference, found.ci, found.p_randomisation    # 0.0123, (0.0041, 0.0207), 0.004
    compare_all([[f1, f1_secondary], [f1_b, f1_secondary_b]], baseline, trials=1000, seed=0)[1][0].difference
    holm([0.01, 0.04, 0.03])                             # [0.03, 0.06, 0.06]
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.bootstrap import CHUNK, interval, resampled_scores, units, weighted_sums
from evaluation.statistics import Array, Statistics
from tasks.nouns import InputError

TIE = 1e-10
"""Differences closer than this are equal: the order of additions shows below it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far one system is ahead of another on one metric."""

    difference: float
    """Score of the first minus score of the second."""
    ci: tuple[float, float]
    """The 95 % interval of the difference, by paired bootstrap; recentred like the score's own (macro F1)."""
    p_bootstrap: float
    p_randomisation: float


def compare(
    first: Statistics, second: Statistics, *, trials: int, seed: int, groups: Sequence[Hashable] | None = None
) -> Comparison:
    """Compare two systems, measured by one metric on the same images in the same order.

    `groups` names the patient or article of each image: its images are then drawn, or swapped, together.
    """
    return compare_all([[first]], [second], trials=trials, seed=seed, groups=groups)[0][0]


def compare_all(
    systems: Sequence[Sequence[Statistics]],
    baseline: Sequence[Statistics],
    *,
    trials: int,
    seed: int,
    groups: Sequence[Hashable] | None = None,
) -> list[list[Comparison]]:
    """Compare each system with the baseline on each metric, the metrics in the same order in all of them."""
    pairs = [(number, 0) for number in range(1, len(systems) + 1)]
    return compare_pairs([baseline, *systems], pairs, trials=trials, seed=seed, groups=groups)


def compare_pairs(
    measured: Sequence[Sequence[Statistics]],
    pairs: Sequence[tuple[int, int]],
    *,
    trials: int,
    seed: int,
    groups: Sequence[Hashable] | None = None,
    resampled: Sequence[Sequence[Array]] | None = None,
) -> list[list[Comparison]]:
    """Compare pairs of systems, given by their places in `measured`, on each metric: the first minus the second.

    `resampled` are the scores of `measured` in as many resamples of the same seed, where they are known already.
    """
    for here, there in pairs:
        for one, other in zip(measured[here], measured[there], strict=True):
            _check_shapes(one, other)
    if not pairs or not measured[0]:
        return [[] for _ in pairs]
    if resampled is None:
        resampled = _in_rows(measured, resampled_scores(_flat(measured), resamples=trials, seed=seed, groups=groups))
    swapped = _swapped(measured, pairs, trials=trials, seed=seed, groups=groups)
    return [
        [
            _comparison(one.value - other.value, ours - theirs, trial, recentred=one.recentred)
            for one, other, ours, theirs, trial in zip(
                measured[here], measured[there], resampled[here], resampled[there], own, strict=True
            )
        ]
        for (here, there), own in zip(pairs, swapped, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted for their number (Holm, 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values)[order] * factors))
    return [float(p) for p in adjusted]


def _p(differences: Array, observed: float) -> float:
    """(1 + hits) / (1 + trials); a trial without a score counts as a hit."""
    hits = int((~(np.abs(differences) < abs(observed) - TIE)).sum())
    return (1 + hits) / (1 + len(differences))


def _comparison(observed: float, drawn: Array, swapped: Array, *, recentred: bool) -> Comparison:
    return Comparison(
        difference=observed,
        ci=interval(drawn, observed, recentred=recentred, lowest=-1.0),
        p_bootstrap=_p(drawn - np.nanmean(drawn), observed),
        p_randomisation=_p(swapped, observed),
    )


def _check_shapes(one: Statistics, other: Statistics) -> None:
    """InputError unless both were measured on as many images."""
    (ours, columns), (theirs, others) = one.rows.shape, other.rows.shape
    if ours != theirs:
        raise InputError(f"one system has {ours} images, the other {theirs}: compare on the same images")
    if columns != others:
        raise ValueError(f"{columns} summands cannot be swapped with {others}: compare the same metric")


def _swapped(
    measured: Sequence[Sequence[Statistics]],
    pairs: Sequence[tuple[int, int]],
    *,
    trials: int,
    seed: int,
    groups: Sequence[Hashable] | None,
) -> list[list[Array]]:
    """The difference of each pair on each metric after each of `trials` random swaps of units, the same for all.

    What a swap moves from one side to the other is the sum of the swapped units there less that here, so the sums of
    each system are made once, however many pairs it is in.
    """
    rows = [units(one.rows, groups) for one in _flat(measured)]
    whole = _in_rows(measured, [own.sum(axis=0) for own in rows])
    found: list[list[list[Array]]] = [[[] for _ in measured[here]] for here, _ in pairs]
    for sums in weighted_sums(rows, _swaps(rows[0].shape[0], trials=trials, seed=seed)):
        moved = _in_rows(measured, sums)
        for (here, there), own in zip(pairs, found, strict=True):
            for k, (one, other) in enumerate(zip(measured[here], measured[there], strict=True)):
                change = moved[there][k] - moved[here][k]
                own[k].append(one.aggregate(whole[here][k] + change) - other.aggregate(whole[there][k] - change))
    return [[np.concatenate(parts) for parts in own] for own in found]


def _flat(measured: Sequence[Sequence[Statistics]]) -> list[Statistics]:
    return [one for own in measured for one in own]


def _in_rows(measured: Sequence[Sequence[Statistics]], values: Sequence[Array]) -> list[Sequence[Array]]:
    """The values of all systems' metrics, by system again."""
    k = len(measured[0])
    return [values[start : start + k] for start in range(0, len(values), k)]


def _swaps(n: int, *, trials: int, seed: int) -> Iterator[Array]:
    """Chunk by chunk, which of `n` units are swapped, one line per trial."""
    generator = np.random.PCG64(seed)
    words = -(-n // 64)
    per_chunk = max(1, CHUNK // n)
    for start in range(0, trials, per_chunk):
        size = min(per_chunk, trials - start)
        # Whole words per trial, in one byte order: neither the chunks nor the machine show.
        octets = generator.random_raw(size * words).astype("<u8").view(np.uint8).reshape(size, -1)
        yield np.unpackbits(octets, axis=1, count=n).astype(float)
