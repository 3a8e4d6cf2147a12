"""How fast free text becomes CUIs: 100,000 invented captions against 30,000 invented names, on one core."""

from __future__ import annotations

import random
import time

from tasks.concepts import Vocabulary

CAPTIONS = 100_000
NAMES = 30_000


def measure() -> list[tuple[str, str, str]]:
    """Seconds to prepare the vocabulary and to map all captions."""
    prepare, mapping, found = bench(CAPTIONS, NAMES)
    return [
        (
            f"{CAPTIONS:,} captions against {NAMES:,} names",
            f"{prepare:.1f} s + {mapping:.1f} s, {found:,} CUIs",
            "under 20 s",
        )
    ]


def bench(n_captions: int, n_names: int, seed: int = 0) -> tuple[float, float, int]:
    """Seconds to prepare the vocabulary, seconds to map all captions, CUIs found."""
    random_of = random.Random(seed)
    words = ["".join(random_of.choices("abcdeilmnorstu", k=random_of.randint(3, 10))) for _ in range(12_000)]
    names = {
        f"C{n:07}": (" ".join(random_of.choices(words, k=random_of.choice([1, 1, 2, 2, 3]))),) for n in range(n_names)
    }
    known = list(names.values())
    filler = [*words[:500], "no", "without", "and", "the", "of", "left,", "shows", "CT."]
    captions = [
        " ".join(random_of.choices(filler, k=16)) + " " + random_of.choice(known)[0] + "." for _ in range(n_captions)
    ]
    start = time.perf_counter()
    vocabulary = Vocabulary(names)
    vocabulary.find("")
    ready = time.perf_counter()
    found = sum(len(vocabulary.find(caption)) for caption in captions)
    return ready - start, time.perf_counter() - ready, found
