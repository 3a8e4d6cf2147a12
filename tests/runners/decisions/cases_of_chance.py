"""Images with probabilities and truths by chance, whose right answer is known or absent."""

from __future__ import annotations

import numpy as np

from runners.decisions.cases import Cases, cases_of
from runners.decisions.truths import truths_of
from tasks.probabilities import Probabilities

References = dict[str, tuple[str, ...]]


def calibrated(images: int, concepts: int, *, seed: int, power: float = 1.0) -> tuple[Probabilities, References]:
    """Concepts true with just their probability, which is told to the power of `power`; one more has no column."""
    random = np.random.default_rng(seed)
    p = random.beta(0.4, 3, size=(images, concepts))
    return _made(p**power, random.random(p.shape) < p)


def noise(images: int, concepts: int, *, seed: int, share: float = 0.1) -> tuple[Probabilities, References]:
    """Probabilities that say nothing of the truths, of which one has no column."""
    random = np.random.default_rng(seed)
    return _made(random.random((images, concepts)), random.random((images, concepts)) < share)


def cases_from(p: Probabilities, references: References) -> Cases:
    return cases_of(p, truths_of(references, p))


def _made(p: np.ndarray, true: np.ndarray) -> tuple[Probabilities, References]:
    ids = tuple(f"image {n}" for n in range(len(p)))
    cuis = tuple(f"C{n:04}" for n in range(p.shape[1]))
    references = {i: (*(cuis[c] for c in np.flatnonzero(row)), "C9999") for i, row in zip(ids, true, strict=True)}
    return Probabilities(ids, cuis, p), references
