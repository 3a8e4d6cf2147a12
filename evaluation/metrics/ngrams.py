"""BLEU-1..4, CIDEr-D and ROUGE-N from one count of n-grams, over whole corpora at once.

Words and n-grams become integers, and one sort of them per order gives counts, clipped matches and document
frequencies. The formulas: BLEU (Papineni et al., 2002) with the small constants of the COCO caption evaluation
(github.com/salaniz/pycocoevalcap), CIDEr-D (Vedantam et al., 2015; sigma 6, times 10, where the "length" of the
Gaussian penalty counts bigrams) and ROUGE-N (Lin, 2004). One reference per image. Texts are words separated by blanks:

    counted = count(["a ct of the chest"], ["ct of the chest ."])
    bleu(counted, 4).value, rouge(counted, 1).value    # 0.66..., 0.8

Several systems are counted against one `References`, whose words are numbered once.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.statistics import Array, Statistics

Ints = npt.NDArray[np.integer[Any]]
ORDERS = (1, 2, 3, 4)
CHUNK = 100
"""Texts whose words are held at once."""


@dataclass(frozen=True, slots=True)
class Order:
    """The n-grams of one order in all candidates and references."""

    candidate: Ints
    """n-grams in each candidate."""
    reference: Ints
    correct: Ints
    """n-grams of each candidate found in its reference, clipped."""
    cosine: Array
    """CIDEr-D's clipped tf-idf cosine of each pair; empty where it was not asked for."""

    def with_images(self, places: Sequence[int], other: Order) -> Order:
        """The counts of the images at these places replaced by those of `other`, without cosines."""
        merged = Order(self.candidate.copy(), self.reference.copy(), self.correct.copy(), np.zeros(0))
        merged.candidate[places] = other.candidate
        merged.reference[places] = other.reference
        merged.correct[places] = other.correct
        return merged


class References:
    """The references of a call."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._numbers: defaultdict[str, int] = defaultdict(itertools.count().__next__)
        self._words, self._lengths = _numbered(texts, self._numbers)

    def count(self, candidates: Sequence[str], *, orders: int = 4, cosine: bool = True) -> tuple[Order, ...]:
        """Count the n-grams of orders 1 to `orders` in both; document frequencies are those of the references."""
        n = len(self._lengths)
        if len(candidates) != n:
            raise ValueError(f"{len(candidates)} candidates for {n} references")
        words, lengths = _numbered(candidates, self._numbers)
        words, lengths = np.concatenate([words, self._words]), np.concatenate([lengths, self._lengths])
        text_of = np.repeat(np.arange(2 * n, dtype=np.int32), lengths)
        starts, grams = np.arange(len(words), dtype=np.int32), words
        counted = []
        for k in range(1, orders + 1):
            if k > 1:  # a k-gram is a (k-1)-gram and the word after it, in the same text
                whole = text_of[starts] == np.append(text_of, -1)[starts + (k - 1)]
                starts = starts[whole]
                grams = grams[whole].astype(np.int64) * len(self._numbers) + words[starts + (k - 1)]
            found, grams = _sorted_grams(grams, text_of[starts])
            counted.append(_compare(found, np.maximum(lengths - k + 1, 0), n=n, cosine=cosine))
        return tuple(counted)


def count(candidates: Sequence[str], references: Sequence[str]) -> tuple[Order, ...]:
    """Count the n-grams of orders 1 to 4 of one system."""
    return References(references).count(candidates)


def bleu(counted: tuple[Order, ...], order: int) -> Statistics:
    """Corpus BLEU up to `order`; its value for one image is that of a corpus of this image alone."""
    used = counted[:order]
    columns = [o.correct for o in used] + [o.candidate for o in used] + [counted[0].candidate, counted[0].reference]
    return Statistics(np.column_stack(columns).astype(float), partial(_bleu, order=order))


def cider(counted: tuple[Order, ...]) -> Statistics:
    """CIDEr-D, 0 to 10. Its document frequencies stay those of the whole set when images are resampled."""
    difference = (counted[1].candidate - counted[1].reference).astype(float)
    penalty = np.exp(-(difference**2) / (2 * 6.0**2))
    return Statistics.mean(np.mean([o.cosine * penalty for o in counted], axis=0) * 10.0)


def rouge(counted: tuple[Order, ...], order: int) -> Statistics:
    """The mean F-measure of ROUGE-N."""
    grams = counted[order - 1]
    precision = grams.correct / np.maximum(grams.candidate, 1)
    recall = grams.correct / np.maximum(grams.reference, 1)
    both = precision + recall
    return Statistics.mean(np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0))


def _numbered(texts: Sequence[str], numbers: defaultdict[str, int]) -> tuple[Ints, Ints]:
    """The words of all texts as numbers, one after the other, and how many each text has."""
    words = [np.zeros(0, dtype=np.int32)]
    lengths: list[int] = []
    for start in range(0, len(texts), CHUNK):
        split = [text.split() for text in texts[start : start + CHUNK]]
        lengths.extend(map(len, split))
        words.append(np.fromiter(map(numbers.__getitem__, itertools.chain.from_iterable(split)), np.int32))
    return np.concatenate(words), np.array(lengths, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Grams:
    """How often each n-gram stands in each text that has it, sorted by n-gram and then by text."""

    kinds: int
    """Different n-grams; they are numbered from 0."""
    gram: Ints
    text: Ints
    times: Ints


def _sorted_grams(keys: Ints, text_of: Ints) -> tuple[_Grams, Ints]:
    """The counts of the n-grams that the keys stand for, and the number of each."""
    positions, new = _sorted(keys.astype(np.int64))
    ranks = np.cumsum(new, dtype=np.int32) - np.int32(1)
    numbers = np.empty_like(ranks)
    numbers[positions] = ranks
    texts = text_of[positions]
    new[1:] |= texts[1:] != texts[:-1]
    firsts = np.flatnonzero(new)
    times = np.diff(firsts, append=len(keys))
    return _Grams(int(ranks.max(initial=-1)) + 1, ranks[firsts], texts[firsts], times), numbers


def _sorted(keys: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The positions of the keys in ascending order, equal ones as they stand, and where another key begins."""
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits < 64:  # key and position in one number: sorted much faster
        keys = (keys << bits) | np.arange(len(keys))
        keys.sort()
        positions = keys & ((1 << bits) - 1)
        keys >>= bits
    else:
        positions = np.argsort(keys, kind="stable")
        keys = keys[positions]
    new = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return positions, new


def _compare(grams: _Grams, lengths: Ints, *, n: int, cosine: bool) -> Order:
    """Compare the n-grams of texts 0..n-1 (candidates) with those of texts n..2n-1 (their references)."""
    ours = grams.text < n
    candidate_images, candidate_grams, candidate_times = grams.text[ours], grams.gram[ours], grams.times[ours]
    theirs = ~ours
    reference_images, reference_grams, reference_times = grams.text[theirs] - n, grams.gram[theirs], grams.times[theirs]

    keys = candidate_grams.astype(np.int64) * n + candidate_images
    reference_keys = np.append(reference_grams.astype(np.int64) * n + reference_images, -1)  # -1: behind the last one
    there = np.searchsorted(reference_keys[:-1], keys)
    here = np.flatnonzero(reference_keys[there] == keys)
    there, images = there[here], candidate_images[here]

    if cosine:
        weight = np.log(max(n, 1)) - np.log(np.maximum(1.0, np.bincount(reference_grams, minlength=grams.kinds)))
        candidate_tfidf = candidate_times * weight[candidate_grams]
        reference_tfidf = reference_times * weight[reference_grams]
        overlap = np.minimum(candidate_tfidf[here], reference_tfidf[there]) * reference_tfidf[there]
        norm = np.sqrt(_sums(candidate_images, candidate_tfidf**2, n)) * np.sqrt(
            _sums(reference_images, reference_tfidf**2, n)
        )
    return Order(
        candidate=lengths[:n],
        reference=lengths[n:],
        correct=_sums(images, np.minimum(candidate_times[here], reference_times[there]), n).astype(np.int64),
        cosine=np.divide(_sums(images, overlap, n), norm, out=np.zeros(n), where=norm != 0) if cosine else np.zeros(0),
    )


def _sums(images: Ints, values: npt.NDArray[np.generic], n: int) -> Array:
    """The sum of the values of each image; float also where there is none at all."""
    return np.bincount(images, weights=values, minlength=n).astype(float)


def _bleu(sums: Array, *, order: int) -> Array:
    """BLEU from summed correct n-grams, candidate n-grams and both lengths, with COCO's constants."""
    tiny, small = 1e-15, 1e-9
    precisions = (sums[..., :order] + tiny) / (sums[..., order : 2 * order] + small)
    ratio = (sums[..., -2] + tiny) / (sums[..., -1] + small)
    penalty = np.where(ratio < 1, np.exp(1 - 1 / np.minimum(ratio, 1.0)), 1.0)
    return np.asarray(np.prod(precisions, axis=-1) ** (1.0 / order) * penalty)
