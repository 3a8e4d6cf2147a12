"""Labels however a model spells them."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.reports.label_names import canonical, read_labels, thought
from tasks.reports.labels import LABELS


@pytest.mark.parametrize("label", LABELS)
def test_every_label_is_known_in_any_spelling(label: str) -> None:
    for written in (label, label.lower(), label.upper().replace(" ", "_"), f" {label}\n", label.replace(" ", "-")):
        assert canonical(written) == label


def test_synonyms_and_other_names() -> None:
    names = ("Effusion", "pulmonary_oedema", "Airspace Opacity", "support device", "Enlarged Cardiom.")
    assert [canonical(name) for name in names] == [
        "Pleural Effusion",
        "Edema",
        "Lung Opacity",
        "Support Devices",
        "Enlarged Cardiomediastinum",
    ]
    assert canonical(" T2_Lesion (new) ") == "T2_Lesion (new)"


def test_what_a_model_thinks() -> None:
    written = {"1": 1, "1.0": 1, " Positive": 1, "0": 0, "absent": 0, "False": 0, "-1.": -1, "UNCERTAIN": -1}
    assert {text: thought(text) for text in written} == written
    assert [thought(text) for text in ("", "null", "not mentioned", "2", "10", "-0.5", "٣")] == [None] * 7


@pytest.mark.parametrize(
    "value",
    [
        {"edema": 1, "PLEURAL_EFFUSION": 0.0, "Fracture": None},
        "- Edema: positive\n- Pleural Effusion: no\n- Fracture: blank",
        "{'Edema': present, Pleural_Effusion: 'absent', 'Fracture': None",
    ],
)
def test_labels_of_an_object_or_a_text(value: Any) -> None:
    assert read_labels(value) == {"Edema": 1, "Pleural Effusion": 0, "Fracture": None}


@pytest.mark.parametrize("value", [None, "", "none", ["Edema"], 1, "{", "Edema"])
def test_what_holds_no_labels(value: Any) -> None:
    assert read_labels(value) == {}
