"""What the neighbours of an image say of its concepts: each votes for its own, with its weight.

    concept_probabilities(near, [("C0040405", "C0817096"), ("C0040405",)], ids=["..._test_0"], config=Retrieval(k=2))
    # C0040405: 1.0, C0817096: 0.5

The probability is the weighted share of the neighbours that have the concept. Weights: 1; or exp(cosine / temperature),
the soft nearest neighbours of Goldberger et al. (Neighbourhood components analysis, 2004); or 1 / (rank + 10), the rank
from 0, a reciprocal rank that is damped (as that of Cormack et al., Reciprocal rank fusion, 2009): with 1 / (rank + 1)
the first three neighbours decide, which cost a fifth of the F1 on real images. Mixing in the frequencies of the whole
pool moved it by less than its noise, so it is not done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runners.retrieval.config import Retrieval
from runners.retrieval.search import NOBODY, Neighbours
from tasks.probabilities import Probabilities

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]


DAMPING = 10
"""Of the weighting rank: the eleventh neighbour counts half as much as the first."""


def weights(neighbours: Neighbours, config: Retrieval) -> NDArray[np.float64]:
    """Asked x k: how much each neighbour counts. They sum to 1 for each image, to 0 for one without neighbours."""
    there = neighbours.rows != NOBODY
    if config.weighting == "similarity":
        nearest = neighbours.likeness.max(axis=1, keepdims=True, initial=-1)
        raw = np.exp((neighbours.likeness - nearest) / config.temperature, dtype=np.float64)
    elif config.weighting == "rank":
        raw = there / (np.arange(there.shape[1]) + DAMPING)
    else:
        raw = there.astype(np.float64)
    total = raw.sum(axis=1, keepdims=True)
    found: NDArray[np.float64] = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
    return found


def concept_probabilities(
    neighbours: Neighbours, labels: Sequence[Sequence[str]], *, ids: Sequence[str], config: Retrieval
) -> Probabilities:
    """The probability of each concept of the pool in each image asked about; `labels` are the CUIs of the pool's rows.

    An image without neighbours has no concept.
    """
    from scipy.sparse import csr_array

    cuis = sorted({cui for row in labels for cui in row})
    there = neighbours.rows != NOBODY
    ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    votes = csr_array((weights(neighbours, config)[there], neighbours.rows[there], ends), shape=(len(ids), len(labels)))
    shares = votes @ _table(labels, cuis)
    shares.data = np.clip(shares.data, 0, 1)  # the weights sum to 1 but for their last bits
    return Probabilities(tuple(ids), tuple(cuis), shares)


def _table(labels: Sequence[Sequence[str]], cuis: Sequence[str]) -> csr_array:
    """Pool x concepts: 1 where an image has a concept."""
    from scipy.sparse import csr_array

    place = {cui: n for n, cui in enumerate(cuis)}
    rows = [sorted({place[cui] for cui in row}) for row in labels]
    columns = np.array([n for row in rows for n in row], dtype=np.int64)
    ends = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
    return csr_array((np.ones(len(columns)), columns, ends), shape=(len(labels), len(cuis)))
