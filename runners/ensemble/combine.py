"""Tables of probabilities made one; all take aligned members.

mean({"a": p, "b": q}, {"a": 3, "b": 1})        # three quarters of p and one quarter of q
ranked(p).matrix                                # what a rank mean is the mean of
answered(p, rule)                               # 1 for what the rule chooses: votes are the mean of these
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from runners.decisions.cases import bits, candidates_of
from runners.decisions.tune import Rule
from runners.ensemble.members import Members
from tasks.probabilities import Probabilities


def mean(members: Members, weights: Mapping[str, float]) -> Probabilities:
    """The weighted mean; members without a weight are left out."""
    total = sum(weights.values())
    used = [(p, weights[name] / total) for name, p in members.items() if weights.get(name)]
    matrix = used[0][0].matrix * np.float32(used[0][1])
    for p, weight in used[1:]:
        matrix = matrix + p.matrix * np.float32(weight)
    matrix.data = np.minimum(matrix.data, 1)  # rounding may lift a mean of ones above 1
    return Probabilities(used[0][0].ids, used[0][0].cuis, matrix)


def ranked(p: Probabilities) -> Probabilities:
    """1 / (1 + r), r being how many concepts per image, over all images, the system holds more probable.

    It depends on the order of a system's probabilities alone, so that one whose numbers are all low has as much to say
    as others; and not on how many small ones were stored. Equal probabilities have the mean of their ranks.
    """
    places = bits(p.matrix.data)
    number = np.bincount(places, minlength=1)
    above = np.cumsum(number[::-1])[::-1] - number
    rank = (above + (number - 1) / 2) / max(1, len(p))
    matrix = p.matrix.copy()
    matrix.data = np.where(places > 0, 1 / (1 + rank[places]), 0).astype(np.float32)
    return Probabilities(p.ids, p.cuis, matrix)


def answered(p: Probabilities, rule: Rule) -> Probabilities:
    """1 for each concept that the rule chooses."""
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    candidates = candidates_of(p)
    rows, places = np.nonzero(rule.choose(candidates))
    cells = (np.ones(len(rows), np.float32), (rows, candidates.columns[rows, places]))
    return Probabilities(p.ids, p.cuis, csr_array(cells, shape=p.matrix.shape))
