"""The labeler against what experts coded of the 218 public IU X-ray reports (their MeSH terms).

The codes are no CheXpert labels: they name what is there and not what is denied, "normal" among them allows changes of
age, and doubt is coded or not: of the lesions found and not coded, most are doubted ones. Found is 1 and -1 here.
Measured: precision, recall, F1, kappa

    No Finding          .82  .88  .85  .76        Edema               .89  1    .94  .94
    Cardiomegaly        .73  .94  .82  .80        Atelectasis         .79  1    .88  .87
    Lung Opacity        .94  .98  .96  .95        Pleural Effusion    .83  .83  .83  .82
    Lung Lesion         .50  1    .67  .65        Support Devices     .74  .89  .81  .79
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import pytest

from tasks.nouns import Report
from tasks.reports.labeler import labels_of

FILE = Path(__file__).parents[4] / "shared/data/iu_xray/indiana_reports.csv"
CODES = {
    "No Finding": r"normal$",
    "Cardiomegaly": r"cardiomegaly|cardiac shadow/(?:enlarged|borderline)",
    "Lung Opacity": r"opacity|infiltrate|airspace disease|density/lung|cicatrix/lung|lung diseases, interstitial|"
    r"markings/lung.*interstitial",
    "Lung Lesion": r"nodule|mass/",
    "Edema": r"pulmonary edema|pulmonary congestion|heart failure",
    "Atelectasis": r"pulmonary atelectasis",
    "Pleural Effusion": r"pleural effusion",
    "Support Devices": r"catheters|implanted medical|surgical instruments|stents|tube, inserted|sutures|spinal fusion",
    "Pneumothorax": r"pneumothorax",
    "Consolidation": r"consolidation",
    "Pneumonia": r"pneumonia",
    "Pleural Other": r"thickening/pleura",
    "Fracture": r"fractures, bone",
}
"""Label -> how a code of it starts."""
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="needs the 218 reports in shared/data/iu_xray")


@cache
def outcomes() -> list[tuple[dict[str, bool], dict[str, bool]]]:
    """What the experts coded and what the labeler finds, of each report."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = labels_of([Report(row["findings"], row["impression"]) for row in rows])
    codes = [[code.strip().lower() for code in row["MeSH"].split(";")] for row in rows]
    return [
        (
            {name: any(re.match(pattern, code) for code in own) for name, pattern in CODES.items()},
            {name: found[name] in {1, -1} for name in CODES},
        )
        for own, found in zip(codes, labels, strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "precision", "recall", "kappa"),
    [
        ("No Finding", 0.80, 0.86, 0.74),
        ("Cardiomegaly", 0.70, 0.92, 0.78),
        ("Lung Opacity", 0.92, 0.95, 0.92),
        ("Lung Lesion", 0.48, 1.0, 0.63),
        ("Edema", 0.87, 1.0, 0.92),
        ("Atelectasis", 0.77, 1.0, 0.85),
        ("Pleural Effusion", 0.81, 0.81, 0.80),
        ("Support Devices", 0.72, 0.87, 0.77),
    ],
)
def test_agreement_with_the_codes(name: str, precision: float, recall: float, kappa: float) -> None:
    pairs = [(coded[name], found[name]) for coded, found in outcomes()]
    both, n = sum(a and b for a, b in pairs), len(pairs)
    coded, found = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    by_chance = (coded * found + (n - coded) * (n - found)) / n**2
    assert both / found >= precision
    assert both / coded >= recall
    assert (sum(a == b for a, b in pairs) / n - by_chance) / (1 - by_chance) >= kappa


@pytest.mark.parametrize("name", ["Pneumothorax", "Consolidation", "Pneumonia", "Pleural Other", "Fracture"])
def test_rarely_coded_labels_are_never_missed(name: str) -> None:
    """Too few reports have them for shares."""
    assert any(coded[name] for coded, _ in outcomes())
    assert all(found[name] for coded, found in outcomes() if coded[name])


def test_one_f1_over_all_of_them() -> None:
    pairs = [(coded[name], found[name]) for coded, found in outcomes() for name in CODES]
    both = sum(a and b for a, b in pairs)
    assert 2 * both / (sum(a for a, _ in pairs) + sum(b for _, b in pairs)) >= 0.85
