"""What rules and ensembles take to tune, in seconds of CPU.

20,000 images, 2,500 concepts, 100 probabilities an image, 20 systems.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from runners.decisions.config import Decision
from runners.decisions.truths import truths_of
from runners.decisions.tune import tune
from runners.ensemble.config import Ensemble, Member
from runners.ensemble.tune import tune_ensemble
from tasks.probabilities import Probabilities
from tests.bench.sides import Row, within

IMAGES = 20_000
CONCEPTS = 2_500
PLACES = 100
MEMBERS = 20


def measure() -> Iterator[Row]:
    """Seconds of each rule with its nested cross-validation, then of each search over members."""
    references, members = systems(IMAGES, CONCEPTS, members=MEMBERS)
    p = members["system 0"]
    truths = truths_of(references, p)
    for rule in ("threshold", "per_concept", "expected_f1", "auto"):
        start = time.process_time()
        tuned = tune(p, truths, Decision.model_validate({"rule": rule}))
        seconds = time.process_time() - start
        yield within(
            f"tuning {rule}: {IMAGES:,} x {CONCEPTS:,} probabilities, 5 folds",
            f"{seconds:.1f} s; gap {tuned.gap:+.4f}",
            reached=seconds < 60,
            goal="under 60 s",
        )
    titles = tuple(Member(name=name, config="x.yaml") for name in members)
    for combine in ("mean", "vote", "weighted", "greedy"):
        ensemble = Ensemble.model_validate({"members": titles, "combine": combine})
        start = time.process_time()
        tuned_ensemble = tune_ensemble(members, references, ensemble, Decision())
        seconds = time.process_time() - start
        yield within(
            f"ensemble by {combine}: {MEMBERS} members x {IMAGES:,} images, 5 folds",
            f"{seconds:.0f} s; gap {tuned_ensemble.gap:+.4f}",
            reached=seconds < 120,
            goal="under 120 s",
        )


def systems(
    images: int, concepts: int, *, members: int, seed: int = 0
) -> tuple[dict[str, tuple[str, ...]], dict[str, Probabilities]]:
    """References and the probabilities of several systems, of which each sees half of what is true.

    Concepts come up by Zipf's law, 1 to 15 an image; a system holds the true ones it sees for probable and some hundred
    others for less so.
    """
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    random = np.random.default_rng(seed)
    cuis = tuple(f"C{number:07}" for number in range(concepts))
    ids = tuple(f"ImageCLEFmedical_Caption_2026_valid_{n}" for n in range(images))
    frequency = 1 / np.arange(1, concepts + 1)
    frequency /= frequency.sum()
    true = [random.choice(concepts, size=size, p=frequency) for size in random.integers(1, 16, size=images)]
    rows = np.repeat(np.arange(images), [len(found) for found in true])
    flat = np.concatenate(true)
    made = {}
    for n in range(members):
        others = random.choice(concepts, size=images * PLACES, p=frequency)
        values = np.concatenate([random.beta(0.3, 4, size=len(others)), random.beta(0.6, 1.2, size=len(flat))])
        at = np.concatenate([np.repeat(np.arange(images), PLACES), rows]), np.concatenate([others, flat])
        keys, first = np.unique(at[0] * concepts + at[1], return_index=True)
        table = csr_array((values[first], np.divmod(keys, concepts)), shape=(images, concepts))
        made[f"system {n}"] = Probabilities(ids, cuis, table)
    references = {i: tuple(sorted({cuis[c] for c in found})) for i, found in zip(ids, true, strict=True)}
    return references, made
