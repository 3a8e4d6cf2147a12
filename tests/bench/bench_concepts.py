"""How fast free text becomes CUIs: 100,000 invented captions against 30,000 invented names.

python tests/bench/bench_concepts.py [CAPTIONS] [NAMES]
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks.concepts import Vocabulary


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


if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[1:3]]
    n_captions, n_names = [*sizes, *[100_000, 30_000][len(sizes) :]]
    prepare, mapping, cuis = bench(n_captions, n_names)
    print(
        f"{n_captions:,} captions x {n_names:,} names: prepared in {prepare:.2f} s, mapped in {mapping:.2f} s "
        f"({n_captions / mapping:,.0f} captions/s), {cuis:,} CUIs"
    )
