"""Ways to make several tables one, on tables small enough to do by hand; and the section that names them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from runners.decisions.simple import Threshold
from runners.ensemble.combine import answered, mean, ranked
from runners.ensemble.config import Ensemble
from tasks.probabilities import Probabilities


def table(*rows: list[float]) -> Probabilities:
    return Probabilities(tuple("abcd"[: len(rows)]), ("C1", "C2", "C3")[: len(rows[0])], list(rows))


def test_a_mean_is_weighted_and_leaves_out_who_has_no_weight() -> None:
    members = {"p": table([0.8, 0, 0.4]), "q": table([0, 0.4, 0.4]), "r": table([1, 1, 1])}
    np.testing.assert_allclose(mean(members, {"p": 3, "q": 1, "r": 0}).matrix.toarray(), [[0.6, 0.1, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(mean(members, {"p": 2, "q": 2}).matrix.toarray(), [[0.4, 0.2, 0.4]], rtol=1e-6)
    ones = {str(n): table([1, 1, 1]) for n in range(7)}
    assert mean(ones, dict.fromkeys(ones, 0.3)).matrix.max() == 1


def test_ranks_depend_on_the_order_alone() -> None:
    p = table([0.9, 0.6, 0], [0.6, 0.1, 0])
    np.testing.assert_allclose(
        ranked(p).matrix.toarray(), [[1, 1 / (1 + 1.5 / 2), 0], [1 / (1 + 1.5 / 2), 1 / (1 + 3 / 2), 0]], rtol=1e-6
    )
    small = Probabilities(p.ids, p.cuis, p.matrix**3)
    np.testing.assert_array_equal(ranked(p).matrix.toarray(), ranked(small).matrix.toarray())
    # What was stored of the improbable ones does not move the others.
    more = Probabilities(p.ids, p.cuis, p.matrix.toarray() + np.array([[0, 0, 0.01], [0, 0, 0.02]]))
    np.testing.assert_array_equal(ranked(more).matrix.toarray()[:, :2], ranked(p).matrix.toarray()[:, :2])


def test_answers_are_what_the_rule_chooses() -> None:
    found = answered(table([0.8, 0, 0.4], [0.1, 0.2, 0]), Threshold(threshold=0.3))
    assert found.matrix.toarray().tolist() == [[1, 0, 1], [0, 1, 0]]


def section(**values: Any) -> Ensemble:
    return Ensemble.model_validate(
        {"members": [{"config": "a/knn.yaml"}, {"tune": "r/x-valid", "asked": "r/x"}], **values}
    )


def test_a_section_names_its_members() -> None:
    assert [member.title for member in section().members] == ["knn", "x"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"votes": 2}, "votes has no effect"),
        ({"combine": "vote", "votes": 3}, "3 votes of 2 members"),
        ({"members": [{"config": "knn.yaml"}]}, "at least 2 items"),
        ({"members": [{"config": "a/knn.yaml"}, {"config": "b/knn.yaml"}]}, "2 members are called knn"),
        ({"members": [{"config": "a.yaml", "tune": "b"}, {"config": "b.yaml"}]}, "either config, or both"),
        ({"members": [{"tune": "b"}, {"config": "b.yaml"}]}, "either config, or both"),
        ({"members": [{}, {"config": "b.yaml"}]}, "either config, or both"),
        ({"members": [{"config": "a.yaml", "weight": 2}, {"config": "b.yaml"}], "combine": "greedy"}, "no effect"),
        ({"members": [{"config": "a.yaml", "weight": 0}, {"config": "b.yaml"}]}, "greater than 0"),
        ({"combine": "median"}, "Input should be"),
    ],
)
def test_sections_that_mean_nothing_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        section(**values)
