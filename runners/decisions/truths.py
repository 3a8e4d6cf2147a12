"""The true concepts of images, beside the columns of their probabilities, and the F1 of each image.

Per image, with T the true concepts and P the chosen ones, F1 = 2|T & P| / (|T| + |P|), 0 when both are empty: what the
official evaluators average. True concepts that have no column cannot be chosen, but they count in |T|:

    truths = truths_of({"a": ("C0040405", "C9")}, Probabilities(("a",), ("C0040405",), [[0.9]]))
    truths.matrix.toarray(), truths.counts    # [[1.]], [2]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.nouns import InputError
from tasks.probabilities import Probabilities

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]


@dataclass(frozen=True, eq=False)
class Truths:
    """What is true of each image."""

    matrix: csr_array
    """Images x columns, 1 where the concept is true."""
    counts: NDArray[np.int64]
    """True concepts of each image, those without a column too."""


def truths_of(references: Mapping[str, Sequence[str]], p: Probabilities) -> Truths:
    """The truths of the rows of `p`; InputError when an image has no reference or none of them holds a concept."""
    from scipy.sparse import csr_array

    if missing := [image_id for image_id in p.ids if image_id not in references]:
        raise InputError(
            f"no reference concepts of {len(missing)} of {len(p)} images, such as {', '.join(missing[:3])}: "
            "tune on a split whose answers are known"
        )
    place = {cui: n for n, cui in enumerate(p.cuis)}
    sets = [{cui.strip().upper() for cui in references[image_id]} - {""} for image_id in p.ids]
    counts = np.array([len(found) for found in sets], dtype=np.int64)
    if not counts.any():
        raise InputError("the reference concepts are all empty: tune on a split whose answers are known")
    columns = [sorted(place[cui] for cui in found if cui in place) for found in sets]
    ends = np.cumsum([0, *map(len, columns)], dtype=np.int64)
    flat = np.array([n for row in columns for n in row], dtype=np.int64)
    return Truths(csr_array((np.ones(len(flat), np.float32), flat, ends), shape=p.matrix.shape), counts)
