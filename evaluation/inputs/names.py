"""What submissions are called in tables.

names_of([Path("a/base"), Path("b/base"), Path("c/tuned.csv")])    # ("a/base", "b/base", "tuned")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def names_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """The last parts of each path, as many as tell it from the others; a path named again gets its number."""
    places = [path.resolve() for path in paths]
    bare = [place if place.is_dir() else place.with_suffix("") for place in places]
    if len(set(bare)) == len(set(places)):
        places = bare
    names: list[str] = []
    times: Counter[Path] = Counter()
    for place in places:
        others = [other.parts for other in places if other != place]
        lengths = range(1, len(place.parts) + 1)
        depth = next(k for k in lengths if all(parts[-k:] != place.parts[-k:] for parts in others))
        times[place] += 1
        names.append("/".join(place.parts[-depth:]) + (f" ({times[place]})" if times[place] > 1 else ""))
    return tuple(names)
