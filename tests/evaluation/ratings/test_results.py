"""Numbers of systems and raters, computed by hand."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from evaluation.ratings.results import results
from evaluation.ratings.table import print_results
from tests.evaluation.ratings.making import COMMENT, ERRORS, SIGN, ratings_of

TWO = ratings_of(
    one={"a": ["none", "minor", "major", "none"], "b": ["none", "none", "none", "none"]},
    two={"a": ["none", "major", "major", "minor"], "b": ["none", "minor", "none", "none"]},
)


def test_means_shares_and_differences() -> None:
    [item] = results(TWO, seed=0)["items"].values()
    a, b = item["systems"]["a"], item["systems"]["b"]
    assert a["n"] == 4 and a["mean"]["value"] == pytest.approx((0 + 1.5 + 2 + 0.5) / 4)
    assert b["mean"]["value"] == pytest.approx(0.125)
    assert [a["levels"][level]["value"] for level in ("none", "minor", "major")] == pytest.approx([3 / 8, 2 / 8, 3 / 8])
    low, high = a["mean"]["ci"]
    assert 0 <= low < 1 < high <= 2
    [difference] = item["differences"]
    assert (difference["system"], difference["baseline"]) == ("b", "a")
    assert difference["value"] == pytest.approx(-0.875) and difference["ci"][0] < -0.875 < difference["ci"][1]
    assert 0 < difference["p"] <= 1 and difference["p"] == difference["p_holm"]


def test_agreement_of_two_raters() -> None:
    [item] = results(TWO, seed=0)["items"].values()
    said = {name: one["value"] for name, one in item["agreement"].items()}
    assert said["exact"] == pytest.approx(5 / 8)
    assert set(said) == {"exact", "gwet", "kappa", "alpha"}
    assert 0 < said["kappa"] < said["gwet"] < 1
    names = [one["name"] for one in item["agreement"].values()]
    assert names[1:] == [
        "Gwet's AC2, quadratic weights",
        "Cohen's kappa, quadratic weights",
        "Krippendorff's alpha, ordinal",
    ]
    low, high = item["agreement"]["exact"]["ci"]
    assert 0 <= low < 5 / 8 < high <= 1


def test_levels_without_order_count_the_share_of_the_first() -> None:
    found = results(ratings_of(items=(SIGN,), one={"a": ["yes", "no"], "b": ["yes", "yes"]}), seed=0)
    item = found["items"]["would_sign"]
    assert item["mean_of"] == "would_sign = yes"
    assert item["systems"]["a"]["mean"]["value"] == 0.5 and item["systems"]["b"]["mean"]["value"] == 1.0


def test_one_rater_has_no_agreement() -> None:
    found = results(ratings_of(one={"a": ["none"] * 3, "b": ["minor"] * 3}), seed=0)
    assert found["items"]["errors"]["agreement"] == {}
    assert any("one rater" in warning for warning in found["warnings"])


def test_what_is_missing_is_left_out_and_told() -> None:
    ratings = ratings_of(
        one={"a": ["major", "", ""], "b": ["none"] * 3}, two={"a": ["minor", "none", ""], "b": [""] * 3}
    )
    found = results(ratings, seed=0)
    item = found["items"]["errors"]
    assert item["systems"]["a"]["n"] == 2 and item["systems"]["a"]["mean"]["value"] == pytest.approx((1.5 + 0) / 2)
    assert "errors: 6 of 12 ratings are missing; they are left out" in found["warnings"]
    assert item["agreement"]["exact"]["value"] == 0.0


@pytest.mark.filterwarnings("error")
def test_a_system_nobody_rated_has_no_difference() -> None:
    for first, second in (("", "none"), ("none", ""), ("", "")):
        ratings = ratings_of(one={"a": [first] * 3, "b": [second] * 3})
        found = results(ratings, seed=0)
        assert found["items"]["errors"]["differences"] == []
        console = Console(width=80, record=True)
        print_results(found, console)
        assert "– – –" not in console.export_text()


def test_the_same_seed_gives_the_same_numbers_and_the_object_is_json() -> None:
    first = json.dumps(results(TWO, seed=0), allow_nan=False)
    assert first == json.dumps(results(TWO, seed=0), allow_nan=False) != json.dumps(results(TWO, seed=1))
    same = ratings_of(one={"a": ["none"], "b": ["none"]}, two={"a": ["none"], "b": ["none"]})
    agreement = results(same, seed=0)["items"]["errors"]["agreement"]
    assert agreement["kappa"]["value"] is None and agreement["gwet"]["value"] == 1.0


def test_comments_say_whose_text_they_are_about() -> None:
    ratings = ratings_of(items=(ERRORS, COMMENT), one={"a": ["none"], "b": ["minor"]})
    ratings.levels["comment"]["one"]["b0"] = "Side?"  # type: ignore[index]
    comment = {"item": "comment", "rater": "one", "code": "b0", "system": "b", "study": "0", "text": "Side?"}
    assert results(ratings, seed=0)["comments"] == [comment]


def test_the_table_fits_a_terminal() -> None:
    console = Console(width=80, record=True)
    print_results(results(TWO, seed=0), console)
    text = console.export_text()
    assert "8 texts about 4 studies, 2 raters" in text and "Gwet's AC2, quadratic weights" in text
    assert "-0.875" in text and "none 38% (0–75)" in text and "differences from a" in text
    assert max(map(len, text.splitlines()[:-3])) <= 80
