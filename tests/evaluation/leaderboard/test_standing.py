"""Ranks among published rows, by real tables and by the definition."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.leaderboard.rows import Row, read_published
from evaluation.leaderboard.standing import compared, rank_range, standing, true_rank
from tasks.nouns import Task

CONCEPTS_2026 = read_published(Task.CONCEPTS, 2026).rows
CAPTIONS_2026 = read_published(Task.CAPTIONS, 2026).rows


def rows_of(scores: list[str], known: list[bool]) -> tuple[Row, ...]:
    """The known rows of a table with these scores, ranked by them."""
    ordered = sorted(map(Decimal, scores), reverse=True)
    return tuple(
        Row(line=n + 1, rank=n, counts="runs", team=f"t{n}", run=f"{n}", scores={"f1": score}, source="x", note="")
        for n, (score, here) in enumerate(zip(ordered, known, strict=True), start=1)
        if here
    )


def test_a_run_lands_between_two_published_ones() -> None:
    """.5780 has rank 4 of the runs and .5776 rank 5, so .5777 would have been fifth, and third of those listed."""
    found = standing(0.5777, CONCEPTS_2026, "f1")
    assert (found.rank, found.of, found.ties) == (3, 8, 0)
    assert found.to_next == pytest.approx(-0.0003) and found.to_first == pytest.approx(-0.0004)
    assert true_rank(0.5777, CONCEPTS_2026, "f1", counts="runs") == (5, 5)
    assert true_rank(0.5777, CONCEPTS_2026, "f1", counts="teams") == (2, 3)


@pytest.mark.parametrize(
    ("score", "runs", "teams"),
    [
        (0.6, (1, 2), (1, 3)),  # the best known run has rank 2
        (0.5773, (6, 7), (2, 3)),  # between ranks 5 and 7
        (0.5764, (8, 9), (2, 3)),  # shares rank 9
        (0.5, (10, None), (5, None)),  # below all that is known
    ],
)
def test_the_known_ranks_bound_the_true_one(
    score: float, runs: tuple[int, int | None], teams: tuple[int, int | None]
) -> None:
    assert true_rank(score, CONCEPTS_2026, "f1", counts="runs") == runs
    assert true_rank(score, CONCEPTS_2026, "f1", counts="teams") == teams


def test_the_first_is_ahead_of_what_was_first() -> None:
    found = standing(0.38, CAPTIONS_2026, "overall")
    assert (found.rank, found.of, found.to_next) == (1, 9, None)
    assert found.to_first == pytest.approx(0.0045)
    assert true_rank(0.38, CAPTIONS_2026, "overall", counts="") == (1, 1)
    assert true_rank(0.31, CAPTIONS_2026, "overall", counts="") == (8, 8)


def test_the_interval_is_a_range_of_ranks() -> None:
    assert rank_range((0.34, 0.361), CAPTIONS_2026, "overall") == (2, 6)
    assert standing(0.355, CAPTIONS_2026, "overall").rank == 4


def test_scores_are_compared_to_the_digits_that_were_published() -> None:
    """2021 printed three digits: .49349 cannot be told from rank 3, .493."""
    rows = read_published(Task.CONCEPTS, 2021).rows
    found = standing(0.49349, rows, "f1")
    assert (found.rank, found.ties) == (3, 2)
    assert standing(0.4936, rows, "f1").rank == 3 and standing(0.4936, rows, "f1").ties == 0
    assert compared(0.57805, Decimal("0.5780")) == 0 and compared(0.5781, Decimal("0.5780")) == 1
    assert compared(0.6199, Decimal("0.61998")) == -1


def test_a_row_without_a_value_is_not_counted() -> None:
    rows = read_published(Task.CAPTIONS, 2023).rows
    assert standing(0.61, rows, "bertscore").of == 3  # two of four rows have a value
    assert true_rank(0.62, rows, "bertscore", counts="teams") == (1, 5)
    none = standing(0.5, rows, "rouge1")
    assert (none.rank, none.of, none.to_next, none.to_first) == (1, 1, None, None)


def test_complete_tables() -> None:
    rows = read_published(Task.CONCEPTS, 2020).rows
    assert standing(0.39, rows, "f1").rank == 4  # below .3924, above .3889
    assert standing(0.3889, rows, "f1").ties == 2
    captions = read_published(Task.CAPTIONS, 2021).rows
    assert standing(0.46, captions, "bleu_sentence").rank == 4
    assert standing(1.0, captions, "bleu_sentence").of == 47


SCORES = st.integers(0, 9999).map(lambda n: f"0.{n:04d}")


@given(st.lists(SCORES, min_size=1, max_size=20), st.data())
def test_the_true_rank_lies_within_its_bounds(scores: list[str], data: st.DataObject) -> None:
    known = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    ours = data.draw(st.sampled_from(scores) | SCORES)
    whole, rows = rows_of(scores, [True] * len(scores)), rows_of(scores, known)
    true = standing(float(ours), whole, "f1").rank
    low, high = true_rank(float(ours), rows, "f1", counts="runs")
    assert low <= true and (high is None or true <= high)
    assert true_rank(float(ours), whole, "f1", counts="runs")[0] == true
    assert standing(float(ours), rows, "f1").rank <= true


@given(st.lists(SCORES, min_size=1, max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_never_ranks_lower(scores: list[str], one: float, other: float) -> None:
    rows = rows_of(scores, [True] * len(scores))
    low, high = sorted((one, other))
    best, worst = rank_range((low, high), rows, "f1")
    assert 1 <= best <= worst <= len(rows) + 1
    found = standing(one, rows, "f1")
    assert found.rank + found.ties <= found.of and (found.to_next is None) == (found.rank == 1)
