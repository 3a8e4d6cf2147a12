"""The labeler against 150 invented texts, what it must never miss, and the sample's own labels.

`sentences.csv` was written before the rules, each text with all of its labels. The rules were made with its first 100
in view ("seen"). When the other 50 ("held back") were first read, 48 of them were right in every label, and 92 of 95
labels; since then one kind of phrase has been mended ("normal heart size and mediastinal contour").
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.nouns import Report
from tasks.reports.labeler import NAME, label_report, label_text, labels_of
from tasks.reports.labels import LABELS
from tasks.sample.release import record_of

FILE = Path(__file__).with_name("sentences.csv")


class Case(NamedTuple):
    """A text and all of its labels."""

    part: str
    kind: str
    text: str
    labels: Mapping[str, int]


@cache
def cases() -> tuple[Case, ...]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(Case(r["part"], r["kind"], r["text"], _labels(r["labels"])) for r in csv.DictReader(file))


def _labels(field: str) -> dict[str, int]:
    pairs = [entry.rsplit(" ", 1) for entry in field.split("; ") if entry]
    return {name: int(value) for name, value in pairs}


def said(text: str) -> dict[str, int]:
    """The labels that are not None."""
    return {name: value for name, value in label_text(text).items() if value is not None}


def test_the_texts_are_150_of_every_kind_and_label() -> None:
    assert Counter(case.part for case in cases()) == {"seen": 100, "held back": 50}
    assert len({case.text for case in cases()}) == 150
    assert {name for case in cases() for name in case.labels} == set(LABELS)
    for name in set(LABELS) - {"No Finding"}:
        values = [case.labels[name] for case in cases() if name in case.labels]
        assert 1 in values, name
        assert {0, -1} & set(values) or name == "Pleural Other"


@pytest.mark.parametrize(("part", "texts", "labels"), [("seen", 1.0, 1.0), ("held back", 0.98, 0.97)])
def test_agreement_on_the_texts(part: str, texts: float, labels: float) -> None:
    """Shares of texts with every label right, and of right labels among those that stand on either side."""
    own = [(case.labels, said(case.text)) for case in cases() if case.part == part]
    assert sum(gold == found for gold, found in own) / len(own) >= texts
    either = [(gold.get(name), found.get(name)) for gold, found in own for name in {*gold, *found}]
    assert sum(a == b for a, b in either) / len(either) >= labels


@pytest.mark.parametrize("name", LABELS)
def test_agreement_for_each_label(name: str) -> None:
    pairs = [(case.labels.get(name), said(case.text).get(name)) for case in cases()]
    either = [(gold, found) for gold, found in pairs if gold is not None or found is not None]
    least = 0.95 if name in {"Cardiomegaly", "Pleural Effusion"} else 1.0
    assert sum(gold == found for gold, found in either) / len(either) >= least


@pytest.mark.parametrize("kind", sorted({case.kind for case in cases()}))
def test_agreement_for_each_kind_of_text(kind: str) -> None:
    own = [case for case in cases() if case.kind == kind]
    assert sum(said(case.text) == case.labels for case in own) >= len(own) - (kind == "pseudo")


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("No pneumothorax.", "Pneumothorax", 0),
        ("no effusion, edema, or consolidation", "Consolidation", 0),
        ("No pneumothorax, but a large effusion.", "Pleural Effusion", 1),
        ("Pneumonia cannot be excluded.", "Pneumonia", -1),
        ("No change in the effusion.", "Pleural Effusion", 1),
        ("The heart is not enlarged.", "Cardiomegaly", 0),
        ("The heart is unchanged and normal.", "Cardiomegaly", 0),
        ("Heart size is normal with a large effusion.", "Cardiomegaly", 0),
        ("Heart size is stable, large left effusion.", "Cardiomegaly", -1),
        ("The heart is enlarged, the mediastinum is normal.", "Enlarged Cardiomediastinum", 0),
        ("The heart is enlarged, the mediastinum is normal.", "Cardiomegaly", 1),
        ("Coarse interstitial markings.", "Lung Opacity", 1),
        ("The interstitial markings are normal.", "Lung Opacity", 0),
        ("Atelectasis or pneumonia.", "Atelectasis", -1),
        ("No atelectasis or pneumonia.", "Atelectasis", 0),
        ("Atelectasis/pneumonia.", "Pneumonia", -1),
        ("Congestive heart failure.", "Edema", 1),
        ("Congestive heart failure.", "Cardiomegaly", -1),
        ("Pericardial effusion.", "Pleural Effusion", None),
        ("Pleural scarring.", "Lung Opacity", None),
        ("Calcified nodule.", "Lung Lesion", None),
        ("The outline of the lungs.", "Support Devices", None),
        ("Kerley B lines.", "Support Devices", None),
        ("Plate-like atelectasis.", "Support Devices", None),
        ("Lead projects over the heart. Edema.", "Cardiomegaly", None),
        ("Contrast injection.", "Pneumonia", None),
        ("Lungs are clear.", "Lung Opacity", None),
        ("No pleural\neffusion.", "Pleural Effusion", 0),
        ("- No edema\n- Pleural effusion", "Pleural Effusion", 1),
        ("No edema;effusion.Mass.", "Lung Lesion", 1),
        ("Cardiomegaly, pneumothorax is not seen.", "Cardiomegaly", 1),
        ("Cardiomegaly, pneumothorax is not seen.", "Pneumothorax", 0),
        ("Effusion, pneumonia is possible.", "Pleural Effusion", 1),
        ("Effusion, pneumonia is possible.", "Pneumonia", -1),
        ("Pneumothorax, effusion or edema is not seen.", "Pneumothorax", 0),
        ("A pneumothorax, large, is present and effusion is not seen.", "Pneumothorax", 1),
        ("No pneumothorax, effusion.", "Pleural Effusion", 0),
        ("An effusion can't be excluded.", "Pleural Effusion", -1),
        ("Edema isn’t seen.", "Edema", 0),
    ],
)
def test_what_must_hold(text: str, name: str, value: int | None) -> None:
    assert label_text(text)[name] == value


def test_the_strongest_mention_is_the_label() -> None:
    assert label_text("No edema.")["Edema"] == 0
    assert label_text("No edema. Edema is possible.")["Edema"] == -1
    assert label_text("No edema. Edema is possible. Edema.")["Edema"] == 1


def test_no_finding_is_all_but_devices() -> None:
    assert said("Pacemaker. No edema.") == {"No Finding": 1, "Support Devices": 1, "Edema": 0}
    assert said("Emphysema.") == {}
    assert "No Finding" not in said("Possible edema.")
    assert said("Unremarkable examination.") == {"No Finding": 1}
    assert said(" \n") == {}, "an empty text finds nothing normal"


def test_both_sections_are_read_and_own_labels_are_not() -> None:
    report = Report("No pneumothorax. Opacity at the base.", "Pneumonia.", {"Edema": 1})
    found = label_report(report)
    assert (found["Pneumothorax"], found["Lung Opacity"], found["Pneumonia"], found["Edema"]) == (0, 1, 1, None)
    assert label_report(Report("No effusion", "edema"))["Edema"] == 1, "a section ends a sentence"
    assert labels_of([report, report, Report("", "")]) == [found, found, dict.fromkeys(LABELS)]
    assert list(found) == list(LABELS)


def test_the_name_pins_rules_and_library() -> None:
    assert NAME.startswith("rules:2 negspacy:")


WORDS = ("no", "or", "edema", ",", ".", "may", "be", "heart", "normal", "enlarged", "effusion", "not", "seen", "but")


@given(st.text(max_size=200) | st.lists(st.sampled_from(WORDS)).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_any_text_has_labels_in_any_case(text: str) -> None:
    found = label_text(text)
    assert list(found) == list(LABELS)
    assert set(found.values()) <= {1, 0, -1, None}
    assert found["No Finding"] in {1, None}
    assert label_text(f" {text}\n") == found
    if text.isascii():
        assert label_text(text.upper()) == found


def test_agreement_with_the_sample() -> None:
    """The sample means by clear lungs no consolidation and by intact bones no fracture; CheXpert takes words only."""
    differ: Counter[tuple[str, int | None, int | None]] = Counter()
    reports = [record.report for record in (record_of("extra", k) for k in range(1000)) if record.report]
    for report, found in zip(reports, labels_of(reports), strict=True):
        differ.update((name, report.labels[name], found[name]) for name in LABELS if report.labels[name] != found[name])
    assert set(differ) == {
        ("Consolidation", 0, None),  # "The lungs are clear."
        ("Fracture", 0, None),  # "The bones are intact."
        ("Lung Opacity", 1, None),  # to the sample, consolidations and nodules are opacities as well
        ("Lung Opacity", None, 0),  # "No focal opacity in the lungs." is none of its labels
    }
