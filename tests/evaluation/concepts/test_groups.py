"""Scores of groups of images: their kinds, and that a group stands for itself."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from evaluation.concepts.groups import MODALITIES, REGIONS, by_group, kinds, print_groups, true_kinds
from evaluation.inputs.references import References
from evaluation.score import score_predictions
from evaluation.scores import Scores
from tasks.editions import load_edition
from tasks.nouns import InputError, Task, Value

CT, XRAY, PET, CHEST = "C0040405", "C1306645", "C0032743", "C0817096"
TRUTHS = [(CT, CHEST), (CT, PET), (XRAY, CHEST), (CHEST,), ()]
ANSWERS = [(CT.lower(), CHEST, CHEST), (CT,), (CT, ""), (), ("C9999999",)]
IDS = [f"i{n}" for n in range(len(TRUTHS))]


def scored(resamples: int = 50) -> Scores:
    gold: dict[str, Value] = dict(zip(IDS, TRUTHS, strict=True))
    answers: dict[str, Value] = dict(zip(IDS, ANSWERS, strict=True))
    edition = load_edition(2026, Task.CONCEPTS)
    manual = {IDS[0]: (CT,), IDS[2]: (XRAY,)}
    return score_predictions(
        answers, References(gold, secondary=manual), task=Task.CONCEPTS, edition=edition, resamples=resamples
    )


def test_the_modality_of_an_image() -> None:
    truths = dict(zip(IDS, TRUTHS, strict=True))
    found = kinds([*IDS, "unknown", "lower"], {**truths, "lower": (f" {CT.lower()}", CT, "")}, MODALITIES)
    assert found == {
        "i0": "CT",
        "i1": "several",
        "i2": "X-ray",
        "i3": "none",
        "i4": "none",
        "unknown": "none",
        "lower": "CT",
    }


def test_manual_concepts_decide_where_there_are_some() -> None:
    gold: dict[str, Value] = dict(zip(IDS, TRUTHS, strict=True))
    scores = scored()
    assert list(true_kinds(scores, References(gold), MODALITIES).values()) == ["CT", "several", "X-ray", "none", "none"]
    manual = References(gold, secondary={IDS[0]: (PET,)})
    assert list(true_kinds(scores, manual, MODALITIES).values()) == ["PET", "none", "none", "none", "none"]
    with pytest.raises(InputError, match="caption_prediction"):
        true_kinds(replace(scores, task=Task.CAPTIONS), References(gold), MODALITIES)


def test_an_image_has_a_region_too() -> None:
    truths = {"a": (CHEST, CT), "b": ("C0000726", CHEST), "c": (CT,)}
    assert kinds(truths, truths, REGIONS) == {"a": "chest", "b": "several", "c": "none"}


@pytest.mark.parametrize("year", [2023, 2024, 2025, 2026])
def test_modalities_and_regions_are_the_cuis_of_the_secondary_score(year: int) -> None:
    cuis = load_edition(year, Task.CONCEPTS).scoring["concept_detection"]["secondary_cuis"]
    assert [cui for cui in (*MODALITIES, *REGIONS) if cui in cuis] == list(cuis)
    assert set(REGIONS) <= set(cuis)
    assert set(MODALITIES) - set(cuis) == (set() if year > 2024 else {"C0920367"})


def test_a_group_scores_as_its_images_alone() -> None:
    scores = scored()
    found = by_group(scores, kinds(IDS, dict(zip(IDS, TRUTHS, strict=True)), MODALITIES), resamples=50)
    assert [(name, one.n) for name, one in found.items()] == [("none", 2), ("CT", 1), ("X-ray", 1), ("several", 1)]
    assert found["CT"].scores["f1"].value == 1.0
    assert found["CT"].scores["f1"].ci == (1.0, 1.0)
    assert found["several"].scores["f1"].value == pytest.approx(2 / 3)
    assert found["none"].scores["f1"].value == 0.0
    assert "f1_secondary" not in found["several"].scores  # none of its images has a manual concept that counts
    assert found["X-ray"].scores["f1_secondary"].value == 0.0


def test_all_images_as_one_group_score_as_the_submission() -> None:
    scores = scored(resamples=80)
    together = {"i0": "p", "i1": "p"}
    (whole,) = by_group(scores, dict.fromkeys(IDS, "all"), resamples=80).values()
    assert {name: (one.value, one.ci) for name, one in scores.scores.items()} == whole.scores
    (patients,) = by_group(scores, dict.fromkeys(IDS, "all"), drawn_together=together, resamples=80).values()
    assert patients.scores["f1"].value == whole.scores["f1"].value
    assert patients.scores["f1"].ci != whole.scores["f1"].ci


def test_groups_become_json() -> None:
    found = by_group(scored(), dict.fromkeys(IDS, "all"), resamples=50)["all"]
    written = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert set(written) == {"n", "scores"}
    assert written["n"] == 5
    assert written["scores"]["f1"] == {
        "value": found.scores["f1"].value,
        "ci": list(found.scores["f1"].ci),
    }


def test_an_image_without_a_group_is_a_fault() -> None:
    with pytest.raises(InputError, match="i4 has no group"):
        by_group(scored(), dict.fromkeys(IDS[:4], "all"))


def test_the_table_of_groups_shows_the_chief_scores_of_each() -> None:
    scores = scored()
    console = Console(width=120, record=True, quiet=False, file=io.StringIO())
    print_groups("modality", by_group(scores, {**dict.fromkeys(IDS, "[b]"), "i1": "rest"}), scores, console)
    shown = console.export_text()
    assert "modality" in shown and "[b]" in shown and "precision" not in shown
    (rest,) = (line for line in shown.splitlines() if "rest" in line)
    assert [cell.strip() for cell in rest.strip("│").split("│")] == ["rest", "1", "0.6667 (0.6667 – 0.6667)", ""]
