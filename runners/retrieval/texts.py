"""A caption or report from the neighbours' ones: the nearest image's, or the one the others agree with most.

The consensus of the neighbours is the text with the highest weighted mean ROUGE-1 to the others: minimum-Bayes-risk
decoding (Kumar and Byrne, 2004) over retrieved texts, as Devlin et al. (Exploring nearest neighbor approaches for image
captioning, 2015) did with CIDEr and BLEU:

    captions_of(near, ["A scan.", "A chest CT scan.", "Chest CT."], config=Retrieval(k=3))    # ["A chest CT scan."]

ROUGE-1 is the F-measure of the words in common (Lin, 2004), on the official words of the captions task: lower case,
each number as `number`, without punctuation, split into runs of ASCII letters and digits.
"""

from __future__ import annotations

import re
import string
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from runners.retrieval.config import Retrieval
from runners.retrieval.search import NOBODY, Neighbours
from runners.retrieval.vote import weights
from tasks.nouns import InputError, Report

_DIGITS = re.compile(r"\d+")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"[a-z0-9]+")


def captions_of(neighbours: Neighbours, texts: Sequence[str], *, config: Retrieval) -> list[str]:
    """The caption of each image asked about; `texts` are those of the pool's rows."""
    return [texts[row] for row in chosen(neighbours, texts, config=config)]


def reports_of(neighbours: Neighbours, reports: Sequence[Report], *, config: Retrieval) -> list[Report]:
    """The report of each image asked about: findings and impression of one neighbour, its labels left out."""
    texts = [f"{report.findings}\n{report.impression}" for report in reports]
    return [Report(reports[row].findings, reports[row].impression) for row in chosen(neighbours, texts, config=config)]


def chosen(neighbours: Neighbours, texts: Sequence[str], *, config: Retrieval) -> NDArray[np.intp]:
    """The row of the pool whose text each image gets; ties go to the nearer image.

    A text without a word is taken only where no neighbour has another. InputError for an image without neighbours.
    """
    if alone := np.flatnonzero((neighbours.rows == NOBODY).all(axis=1)).tolist():
        raise InputError(
            f"{len(alone)} images have no neighbour to take a text from (row {alone[0]} is the first): lower "
            "retrieval.duplicates, set retrieval.apart to image, or learn from more images"
        )
    words = Words(texts)
    worth = weights(neighbours, config)
    taken = np.empty(len(neighbours.rows), dtype=np.intp)
    for n, (rows, weight) in enumerate(zip(neighbours.rows, worth, strict=True)):
        kept = (rows != NOBODY) & (words.lengths[rows] > 0)
        if not kept.any():
            taken[n] = rows[0]
        elif config.texts == "nearest":
            taken[n] = rows[kept.argmax()]
        else:
            taken[n] = rows[kept][consensus(words.rouge1(rows[kept]), weight[kept])]
    return taken


def consensus(alike: NDArray[np.float64], weight: NDArray[np.float64]) -> int:
    """Which text has the highest weighted mean likeness to the others; the first of equal ones."""
    others = np.where(np.eye(len(alike), dtype=bool), 0, alike)
    total = weight.sum() - weight
    mean = np.divide(others @ weight, total, out=np.zeros(len(alike)), where=total > 0)
    # the sums of the same numbers in another order differ in their last digits, which must not break a tie
    return int(np.round(mean, 9).argmax())


class Words:
    """The words of the pool's texts, counted once."""

    def __init__(self, texts: Sequence[str]) -> None:
        from scipy.sparse import csr_array  # type: ignore[import-untyped]

        # A word's second occurrence is another column than its first, so that the columns two texts share are their
        # clipped counts.
        columns: defaultdict[tuple[str, int], int] = defaultdict(count().__next__)
        cells: list[int] = []
        ends = [0]
        for text in texts:
            cells += [columns[word, n] for word, times in Counter(_words(text)).items() for n in range(times)]
            ends.append(len(cells))
        shape = (len(texts), max(len(columns), 1))
        self._table = csr_array((np.ones(len(cells), dtype=np.float32), cells, ends), shape=shape)
        self.lengths: NDArray[np.int64] = np.diff(ends)

    def rouge1(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """ROUGE-1 of each of these texts to each: 2 x words in common / words of both; they have one word at least."""
        part = self._table[rows]
        common = (part @ part.T).toarray().astype(np.float64)
        lengths = self.lengths[rows]
        found: NDArray[np.float64] = 2 * common / (lengths[:, None] + lengths[None, :])
        return found


def _words(text: str) -> list[str]:
    return _WORD.findall(_DIGITS.sub("number", text.lower()).translate(_PUNCTUATION))
