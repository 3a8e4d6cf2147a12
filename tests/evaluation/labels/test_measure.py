"""The labels and codes of reports as scores of submissions: what is read, what is stated, what is unavailable, why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from evaluation.comparison.systems import compare_systems
from evaluation.inputs.references import References
from evaluation.labels.conventions import CONVENTIONS, ICD
from evaluation.labels.measure import NOT_STATED
from evaluation.score import score_predictions, score_systems
from evaluation.scores import Scores
from tasks.editions import load_edition
from tasks.nouns import InputError, Report, Task, Value
from tests.evaluation.labels import standin

N = 120
TRUTHS: dict[str, Value] = {
    f"s{n}": Report("Mild edema." if n % 2 else "No edema.", "", {"Edema": n % 2, "Fracture": -1}, ("I50.9", "J18.9"))
    for n in range(N)
}
OPTIONS: dict[str, Any] = {"task": Task.REPORTS, "edition": load_edition(2026, Task.REPORTS), "resamples": 50}


@pytest.fixture(autouse=True)
def _labeler(monkeypatch: pytest.MonkeyPatch) -> None:
    standin.install(monkeypatch)


def scored(answers: Mapping[str, Value], truths: Mapping[str, Value] | None = None, **options: Any) -> Scores:
    return score_predictions(answers, References(dict(truths or TRUTHS)), profile="chexpert", **{**OPTIONS, **options})


def reports(findings: str, **stated: Any) -> dict[str, Value]:
    return dict.fromkeys(TRUTHS, Report(findings, "", **stated))


def test_the_labeler_reads_both_sides_and_each_text_once() -> None:
    systems = [reports("Edema."), reports("No edema."), {**TRUTHS}]
    found = score_systems(systems, References(TRUTHS), profile="chexpert", **OPTIONS)
    assert standin.calls == [3]
    assert [one.scores["chexpert_micro14_u0"].value for one in found if "chexpert_micro14_u0" in one.scores] == [
        pytest.approx(2 / 3),
        0,
        1,
    ]
    assert "labeler:three-words|labels:14|uncertain:0|avg:micro" in found[0].scores["chexpert_micro14_u0"].signature


def test_uncertain_labels_count_as_the_name_says() -> None:
    truths: dict[str, Value] = {i: Report("Edema." if n < 60 else "Possible edema.", "") for n, i in enumerate(TRUTHS)}
    values = {name: one.value for name, one in scored(reports("Edema."), truths).scores.items()}
    assert values["chexpert_micro5_u0"] == pytest.approx(2 / 3)
    assert values["chexpert_micro5_u1"] == values["chexpert_micro5_ux"] == 1
    assert values["chexpert_macro5_u1"] == pytest.approx(1 / 5)
    assert values["chexpert_weighted5_u1"] == 1
    assert values["chexpert_example5_u0"] == pytest.approx(1 / 2)


def test_stated_labels_and_codes_are_scored_against_those_of_the_references() -> None:
    found = scored(reports("Edema.", labels={"edema": 1}, icd=("i509",)))
    values = {name: one.value for name, one in found.scores.items()}
    assert values["stated_micro14_u0"] == pytest.approx(2 / 3)
    assert values["stated_micro14_u1"] == pytest.approx(2 * 60 / (120 + 180))
    assert [values["icd_exact_f1"], values["icd_exact_f1_micro"]] == pytest.approx([2 / 3, 2 / 3])
    assert set(found.scores) == {*CONVENTIONS, *ICD}
    assert all(name.startswith("chexbert_") for name in found.unavailable)
    assert not any("labels" in warning for warning in found.warnings)


def test_gold_labels_are_pinned() -> None:
    stated = reports("Edema.", labels={"Edema": 1})
    other = {i: Report("Mild edema." if n % 2 else "No edema.", "", {"Edema": 1}) for n, i in enumerate(TRUTHS)}
    one, two = (scored(stated, truths).scores for truths in (TRUTHS, other))
    assert one["stated_micro14_u0"].signature != two["stated_micro14_u0"].signature
    assert one["chexpert_micro14_u0"].signature == two["chexpert_micro14_u0"].signature


def test_a_table_without_labels_has_no_stated_scores_and_says_why() -> None:
    found = scored(reports("Edema."))
    missing = {name for name in CONVENTIONS if name.startswith("stated_")}
    assert missing <= set(found.unavailable)
    assert {found.unavailable[name] for name in missing} == {NOT_STATED}
    assert "no prediction has ICD codes" in found.unavailable["icd_exact_f1"]
    bare: dict[str, Value] = dict.fromkeys(TRUTHS, Report("Edema.", ""))
    unlabelled = scored(reports("Edema.", labels={"Edema": 1}, icd=("I10",)), bare).unavailable
    assert "labels.csv" in unlabelled["stated_macro5_ux"]
    assert unlabelled["icd_prefix3_f1"] == "no reference has ICD codes"


def test_silence_counts_and_references_without_labels_are_left_out() -> None:
    answers = {i: Report("x", "", {"Edema": 1}, ("I509",)) if n < 40 else Report("x", "") for n, i in enumerate(TRUTHS)}
    truths: dict[str, Value] = {
        i: Report("x", "", {"Edema": 1}, ("I50.9",)) if n < 80 else Report("x", "") for n, i in enumerate(TRUTHS)
    }
    found = scored(answers, truths)
    assert found.scores["stated_example5_u0"].value == pytest.approx(40 / 80)
    assert found.scores["stated_micro5_u0"].value == pytest.approx(2 * 40 / (40 + 80))
    assert found.scores["icd_exact_f1"].value == pytest.approx(40 / 80)
    for what, scores in (("labels", "stated_*"), ("ICD codes", "icd_*")):
        assert f"40 of 120 references have no {what}: left out of the scores {scores}" in found.warnings
        assert any(f"40 of 80 predictions have no {what} where the reference has" in said for said in found.warnings)


def test_codes_beside_a_reference_without_any_are_no_false_ones() -> None:
    truths: dict[str, Value] = {
        i: Report("x", "", icd=("I10",)) if n < 80 else Report("x", "") for n, i in enumerate(TRUTHS)
    }
    found = scored(reports("x", icd=("I10",)), truths).scores
    assert found["icd_exact_f1"].value == found["icd_exact_f1_micro"].value == 1


def test_labels_nobody_knows_and_codes_of_the_other_version_are_told() -> None:
    found = scored(reports("x", labels={"Edema": 1, "Hernia": 1}, icd=("428.0",)))
    assert any("120 stated labels are none of CheXpert's fourteen, most often 'Hernia'" in w for w in found.warnings)
    assert any("120 predictions have codes of another version of ICD" in w for w in found.warnings)
    assert found.scores["icd_prefix3_f1"].value == 0


def test_codes_match_whole_or_by_their_category() -> None:
    found = scored(reports("x", icd=("I50.23", "j18 9", "fever"))).scores
    assert found["icd_exact_f1"].value == pytest.approx(2 * 1 / (2 + 2))
    assert found["icd_prefix3_f1"].value == found["icd_prefix3_f1_micro"].value == 1


def test_nothing_positive_anywhere_is_unavailable() -> None:
    truths: dict[str, Value] = dict.fromkeys(TRUTHS, Report("Fracture.", ""))
    found = scored(reports("Fracture."), truths)
    assert found.scores["chexpert_micro14_u0"].value == 1
    assert {found.unavailable[f"chexpert_{average}5_u0"] for average in ("micro", "macro", "example", "weighted")} == {
        "neither a reference nor a prediction has one of its labels"
    }


def test_a_reference_with_a_wrong_label_is_named() -> None:
    truths: dict[str, Value] = {**TRUTHS, "s7": Report("x", "", {"Edema": 7})}
    with pytest.raises(InputError, match="s7: 7 is no value of 'Edema'"):
        scored(reports("x"), truths)


def test_systems_are_compared_on_label_scores() -> None:
    systems = {"base": reports("Edema.", labels={"Edema": 1}), "tuned": {**TRUTHS}}
    compared = {name: value for name, value in OPTIONS.items() if name != "resamples"} | {"trials": 99}
    found = compare_systems(systems, References(TRUTHS), profile="chexpert", **compared)
    gains = {pairing.metric: pairing for pairing in found.pairings}
    assert gains["chexpert_micro14_u1"].difference == pytest.approx(1 / 3)
    assert gains["stated_macro14_u0"].significant
    assert (gains["chexpert_example14_u0"].wins, gains["chexpert_example14_u0"].losses) == (0, 0)


def test_one_section_alone_is_labelled_and_pinned() -> None:
    truths: dict[str, Value] = {i: Report("Edema.", "Fracture." if n % 2 else "") for n, i in enumerate(TRUTHS)}
    gold = References(truths).of_section("impression")
    answers = {i: Report("Edema.", "Fracture.") for i in gold.values}
    found = score_predictions(answers, gold, profile="chexpert", **OPTIONS)
    assert len(found.ids) == 60
    assert found.scores["chexpert_micro14_u0"].value == 1
    assert "chexpert_micro5_u0" in found.unavailable  # edema stands in the findings alone
    assert "|section:impression|" in found.scores["chexpert_micro14_u0"].signature


def test_only_what_is_asked_for_is_computed() -> None:
    found = scored(reports("Edema.", labels={"Edema": 1}), metrics=["stated_micro14_u0"])
    assert list(found.scores) == ["stated_micro14_u0"]
    assert standin.calls == []
