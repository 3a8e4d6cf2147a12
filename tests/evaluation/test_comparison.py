"""Comparisons of whole systems: what is compared, corrected, counted and said."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation.comparison.paired import compare, holm
from evaluation.comparison.pairing import Pairing, said_p
from evaluation.comparison.systems import Comparisons, compare_systems
from evaluation.inputs.references import References
from evaluation.score import score_predictions
from tasks.editions import load_edition
from tasks.nouns import InputError, Task, Value

N = 150
IDS = [f"ImageCLEFmedical_Caption_2026_valid_{i}" for i in range(N)]
TRUTHS: dict[str, Value] = {i: f"CT of the chest with finding {'abcde'[n % 5]} at {n % 7}" for n, i in enumerate(IDS)}
GOOD: dict[str, Value] = {i: str(text) if n % 3 else "CT of the chest" for n, (i, text) in enumerate(TRUTHS.items())}
FAIR: dict[str, Value] = {i: str(text) if n % 3 != 1 else "CT chest" for n, (i, text) in enumerate(TRUTHS.items())}
POOR: dict[str, Value] = dict.fromkeys(IDS, "an ultrasound of the chest")


def compared(systems: dict[str, dict[str, Value]], gold: References | None = None, **options: Any) -> Comparisons:
    options = {"metrics": ["rouge1", "bleu4"], "trials": 300, **options}
    gold = gold or References(TRUTHS)
    return compare_systems(systems, gold, task=Task.CAPTIONS, edition=load_edition(2026, Task.CAPTIONS), **options)


def test_every_system_is_compared_with_the_first_on_every_metric() -> None:
    found = compared({"good": GOOD, "fair": FAIR, "poor": POOR})
    assert [(p.metric, p.baseline, p.system) for p in found.pairings] == [
        (metric, "good", system) for metric in ("rouge1", "bleu4") for system in ("fair", "poor")
    ]
    scores = [
        score_predictions(
            system,
            References(TRUTHS),
            task=Task.CAPTIONS,
            edition=load_edition(2026, Task.CAPTIONS),
            metrics=["rouge1", "bleu4"],
        ).scores
        for system in (GOOD, FAIR, POOR)
    ]
    for pairing in found.pairings:
        theirs, *others = (one[pairing.metric] for one in scores)
        ours = others[("fair", "poor").index(pairing.system)]
        alone = compare(ours.statistics, theirs.statistics, trials=300, seed=0)
        assert pairing.difference == ours.value - theirs.value
        assert (pairing.p_bootstrap, pairing.p_randomisation) == (alone.p_bootstrap, alone.p_randomisation)
        gaps = ours.per_image - theirs.per_image
        assert pairing.wins == int((gaps > 1e-9).sum()) and pairing.losses == int((gaps < -1e-9).sum())
        assert pairing.wins + pairing.ties + pairing.losses == N
    rouge = found.pairings[:2]
    assert [p.p_holm for p in rouge] == holm([p.p_randomisation for p in rouge])
    assert rouge[1].significant and rouge[1].difference < 0 < rouge[1].losses


def test_the_json() -> None:
    found = compared({"good": GOOD, "poor": POOR}).to_json()
    assert {"task", "edition", "profile", "n", "systems", "comparisons", "warnings"} <= set(found)
    assert (found["task"], found["edition"], found["profile"], found["n"]) == (
        "caption_prediction",
        2026,
        "imageclef",
        N,
    )
    assert [system["name"] for system in found["systems"]] == ["good", "poor"]
    assert set(found["systems"][0]["scores"]["rouge1"]) == {"value", "ci", "signature", "role", "surrogate"}
    assert set(found["comparisons"][0]) == {
        *("baseline", "system", "metric", "difference", "ci", "p_bootstrap", "p_randomisation", "p_holm"),
        *("wins", "ties", "losses"),
    }
    values = [system["scores"]["rouge1"]["value"] for system in found["systems"]]
    assert found["comparisons"][0]["difference"] == values[1] - values[0]
    assert found["groups"] is None and found["warnings"] == []


def test_the_order_of_the_systems_turns_the_sign_and_keeps_p() -> None:
    one, other = compared({"a": GOOD, "b": FAIR}).pairings[0], compared({"b": FAIR, "a": GOOD}).pairings[0]
    assert one.difference == -other.difference
    assert one.ci == pytest.approx((-other.ci[1], -other.ci[0]), abs=1e-11)
    assert one.p_holm == other.p_holm
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)


def test_a_system_beside_itself() -> None:
    found = compared({"a": GOOD, "b": dict(GOOD)})
    for pairing in found.pairings:
        assert (pairing.difference, pairing.p_bootstrap, pairing.p_randomisation) == (0.0, 1.0, 1.0)
        assert (pairing.wins, pairing.ties, pairing.losses) == (0, N, 0)
    assert found.pairings[0].words() == "there is no difference in rouge1 (p = 1.00)"
    assert any("a and b answer alike" in warning for warning in found.warnings)


def test_groups_are_drawn_whole_and_counted() -> None:
    groups = {i: f"PMC{n // 30}" for n, i in enumerate(IDS)}
    apart, together = (compared({"a": GOOD, "b": POOR}, References(TRUTHS, groups=own), seed=1) for own in ({}, groups))
    assert together.groups == 5 and apart.groups is None
    assert any("only 5 groups" in warning for warning in together.warnings)
    assert together.pairings[0].difference == apart.pairings[0].difference
    assert apart.pairings[0].p_randomisation == 1 / 301
    assert together.pairings[0].p_randomisation > 0.03  # two of the 32 ways to swap five groups are as far apart


def test_an_image_that_does_not_count_is_neither_won_nor_lost() -> None:
    truths: dict[str, Value] = {i: (f"C000000{n % 3}",) for n, i in enumerate(IDS)}
    manual = {i: ("C0040405",) if n % 2 else ("C0000001",) for n, i in enumerate(IDS)}
    ours: dict[str, Value] = dict.fromkeys(IDS, ("C0040405",))
    theirs: dict[str, Value] = dict.fromkeys(IDS, ("C0000001",))
    found = compare_systems(
        {"a": theirs, "b": ours},
        References(truths, secondary=manual),
        task=Task.CONCEPTS,
        edition=load_edition(2026, Task.CONCEPTS),
        metrics=["f1", "f1_secondary"],
        trials=100,
    )
    of = {pairing.metric: pairing for pairing in found.pairings}
    assert (of["f1_secondary"].wins, of["f1_secondary"].ties, of["f1_secondary"].losses) == (N // 2, 0, 0)
    assert (of["f1"].wins, of["f1"].ties, of["f1"].losses) == (0, 100, 50)


def test_warnings_name_their_system_unless_all_share_them() -> None:
    empty: dict[str, Value] = {**GOOD, IDS[0]: ""}
    said = [("both", "mine"), ("both",)]
    found = compared({"a": GOOD, "b": empty}, said=said)
    assert found.warnings[:2] == ("both", "a: mine")
    assert found.warnings[2].startswith("b: 1 of 150 predictions are empty")


def test_what_has_no_score_is_unavailable_and_not_compared() -> None:
    found = compared({"a": GOOD, "b": POOR}, metrics=["rouge1", "relevance"])
    assert [pairing.metric for pairing in found.pairings] == ["rouge1"]
    assert "relevance" in found.to_json()["unavailable"]
    assert compared({"a": GOOD, "b": POOR}, metrics=["bleurt"]).pairings == ()


def test_one_system_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="at least two"):
        compared({"a": GOOD})


@pytest.mark.parametrize(
    ("difference", "p", "said"),
    [
        (0.002, 0.43, "the gain of .002 in f1 is noise (p = .43)"),
        (-0.002, 0.0504, "the loss of .002 in f1 is noise (p = .050)"),
        (1.25, 0.000999, "the gain of 1.250 in f1 is more than noise (p = .001)"),
        (-0.00004, 1.0, "the loss of 4e-05 in f1 is noise (p = 1.00)"),
        (0.0003, 0.0001, "the gain of .0003 in f1 is more than noise (p < .001)"),
    ],
)
def test_the_words(difference: float, p: float, said: str) -> None:
    assert Pairing("a", "b", "f1", difference, (0.0, 0.0), p, p, p, 1, 0, 0).words() == said


def test_p_in_words() -> None:
    assert [said_p(p) for p in (0.0496, 0.05, 0.0504, 0.04999)] == ["p = .0496", "p = .050", "p = .050", "p = .04999"]
    assert [said_p(p) for p in (0.5, 0.1, 0.049, 0.0004)] == ["p = .50", "p = .10", "p = .049", "p < .001"]
