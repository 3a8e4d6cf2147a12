"""Label F1 in every convention against scikit-learn, and what holds of intervals, groups and comparisons."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import f1_score, precision_recall_fscore_support

from evaluation.bootstrap import intervals
from evaluation.comparison.paired import compare
from evaluation.labels.codes import codes_of, held
from evaluation.labels.conventions import CONVENTIONS, PUBLISHED, Convention
from evaluation.labels.f1 import AVERAGE, Flags
from evaluation.labels.per_label import label_statistics, per_label, unheld
from evaluation.statistics import Statistics
from tasks.nouns import InputError
from tasks.reports.labels import LABELS

Matrix = npt.NDArray[np.int8]
SHAPE = st.integers(1, 12).map(lambda n: (n, len(LABELS)))
SIDES = SHAPE.flatmap(
    lambda shape: st.tuples(*[arrays.arrays(np.int8, shape, elements=st.sampled_from([0, 0, 0, 1, -1]))] * 2)
)


def everything(n: int) -> npt.NDArray[np.bool_]:
    return np.ones(n, dtype=bool)


def measured(name: str, truths: Matrix, answers: Matrix) -> Statistics:
    convention = CONVENTIONS[name]
    return AVERAGE[convention.average](held(truths, answers, convention, counted=everything(len(truths))))


def expected(convention: Convention, truths: Matrix, answers: Matrix) -> float:
    """The same by scikit-learn, pair for pair: what is left out is taken out of the vectors, not set to 0."""
    columns = [LABELS.index(label) for label in convention.labels]
    positive = [1, -1] if convention.uncertain == "u1" else [1]
    true, ours = (np.isin(side[:, columns], positive) for side in (truths, answers))
    kept = truths[:, columns] != -1 if convention.uncertain == "ux" else np.ones_like(true)

    def f1(t: Flags, o: Flags, k: Flags) -> float:
        return float(f1_score(t[k], o[k], zero_division=0)) if k.any() else 0.0

    if convention.average == "micro":
        return f1(true, ours, kept)
    across = (true, ours, kept) if convention.average == "example" else (true.T, ours.T, kept.T)
    each = [f1(*line) for line in zip(*across, strict=True)]
    if convention.average == "weighted":
        support = (true & kept).sum(axis=0)
        return float(np.average(each, weights=support)) if support.any() else 0.0
    return float(np.mean(each))


@settings(max_examples=60, deadline=None)
@given(SIDES)
def test_every_convention_is_scikit_learns(sides: tuple[Matrix, Matrix]) -> None:
    truths, answers = sides
    for name, convention in CONVENTIONS.items():
        if convention.labels_of == "chexpert":
            value = measured(name, truths, answers).value
            wanted = expected(convention, truths, answers)
            nothing = held(truths, answers, convention, counted=everything(len(truths))).nothing
            assert np.isnan(value) if nothing and convention.average == "micro" else value == pytest.approx(wanted)


@pytest.mark.parametrize("average", ["micro", "macro", "samples", "weighted"])
@pytest.mark.parametrize("policy", ["u0", "u1"])
def test_whole_matrices_go_to_scikit_learn_as_they_are(average: str, policy: str) -> None:
    draw = np.random.default_rng(0)
    truths, answers = (draw.choice([0, 0, 1, -1], size=(200, 14)).astype(np.int8) for _ in range(2))
    sides = [side != 0 if policy == "u1" else side == 1 for side in (truths, answers)]
    wanted = f1_score(*sides, average=average, zero_division=0)
    ours = "example" if average == "samples" else average
    assert measured(f"chexpert_{ours}14_{policy}", truths, answers).value == pytest.approx(wanted, abs=1e-12)


def test_there_are_two_times_twenty_four_and_each_published_name_has_its_file() -> None:
    assert len(CONVENTIONS) == 48
    assert {name.partition("_")[0] for name in CONVENTIONS} == {"chexpert", "stated"}
    assert set(PUBLISHED) <= {name.partition("_")[2] for name in CONVENTIONS}
    named = {name: one for name, one in CONVENTIONS.items() if one.published}
    assert set(named) == {f"chexpert_{rest}" for rest in PUBLISHED}
    assert all(file.startswith("github.com/") for known in PUBLISHED.values() for _, file in known)


def test_an_uncertain_prediction_never_chooses_what_it_is_scored_on() -> None:
    truths = codes_of([{"Edema": 1}, {"Edema": -1}])
    hedged, silent, bold = (codes_of([{"Edema": value}] * 2) for value in (-1, 0, 1))
    for average in ("micro", "macro", "example", "weighted"):
        values = [measured(f"chexpert_{average}5_ux", truths, answers).value for answers in (hedged, silent, bold)]
        assert values[0] == values[1] == 0
        assert values[2] > 0
    assert measured("chexpert_micro5_ux", truths, bold).value == 1  # the uncertain one is no error


def test_an_image_that_does_not_count_adds_nothing() -> None:
    truths, answers = codes_of([{"Edema": 1}, {"Fracture": 1}]), codes_of([{"Edema": 1}, {"Edema": 1}])
    for name, convention in CONVENTIONS.items():
        if convention.labels_of == "stated":
            counted = np.array([True, False])
            statistics = AVERAGE[convention.average](held(truths, answers, convention, counted=counted))
            alone = measured(name, truths[:1], answers[:1])
            assert statistics.value == alone.value
            assert np.isnan(statistics.per_image[1])
            assert statistics.per_image[0] == alone.per_image[0]


def test_intervals_groups_and_paired_tests_work_on_the_summands() -> None:
    draw = np.random.default_rng(1)
    truths = (draw.random((150, 14)) < 0.2).astype(np.int8)
    good, bad = truths.copy(), (draw.random((150, 14)) < 0.2).astype(np.int8)
    good[::3] = 0
    for name in ("chexpert_micro14_u0", "chexpert_macro5_u1", "chexpert_example14_ux", "chexpert_weighted14_u0"):
        one, other = measured(name, truths, good), measured(name, truths, bad)
        [(low, high)] = intervals([one], resamples=200, seed=0)
        assert low < one.value < high
        [(wide_low, wide_high)] = intervals([one], resamples=200, seed=0, groups=[n // 10 for n in range(150)])
        assert wide_low < one.value < wide_high
        found = compare(one, other, trials=200, seed=0)
        assert found.difference == pytest.approx(one.value - other.value)
        assert found.ci[0] > 0 and found.p_randomisation < 0.05
        half = one.of_images(range(75))
        assert half.value == pytest.approx(measured(name, truths[:75], good[:75]).value)


@settings(max_examples=30, deadline=None)
@given(SIDES)
def test_each_label_alone_is_scikit_learns(sides: tuple[Matrix, Matrix]) -> None:
    truths, answers = sides
    macro = measured("chexpert_macro14_u0", truths, answers)
    found = per_label(macro)
    wanted = precision_recall_fscore_support(truths == 1, answers == 1, zero_division=0)
    for k, label in enumerate(LABELS):
        one = found[label]
        assert (one.precision, one.recall, one.f1, one.support) == pytest.approx([float(row[k]) for row in wanted])
        alone = label_statistics(macro)[f"label:{label}"].value
        assert np.isnan(alone) if one.support + one.predicted == 0 else alone == pytest.approx(one.f1)
    assert np.mean([one.f1 for one in found.values()]) == pytest.approx(macro.value)


def test_what_counts_0_for_want_of_a_positive_is_known() -> None:
    truths, answers = codes_of([{"Edema": 1}, {"Fracture": 0}]), codes_of([{}, {"Edema": -1}])
    labels, images = unheld(measured("chexpert_macro5_u0", truths, answers))
    assert labels == ["Atelectasis", "Cardiomegaly", "Consolidation", "Pleural Effusion"]
    assert images == 1


def test_names_of_labels_are_read_however_they_are_spelled() -> None:
    codes = codes_of([{"pleural_effusion": 1, "LUNG OPACITY": -1, "Edema": None, "Hernia": 1}])
    assert {LABELS[k]: int(value) for k, value in enumerate(codes[0]) if value} == {
        "Pleural Effusion": 1,
        "Lung Opacity": -1,
    }


def test_a_value_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="s2: 5 is no value of 'Edema'"):
        codes_of([{"Edema": 1}, {"Edema": 5}], ids=["s1", "s2"])
