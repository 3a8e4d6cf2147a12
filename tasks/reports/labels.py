"""The fourteen observations of CheXpert, and how a report's label says what it thinks of one.

1 present, 0 absent, -1 uncertain, None not mentioned, as in the tables of CheXpert (Irvin et al., AAAI 2019) and
MIMIC-CXR-JPG (Johnson et al., 2019).

    label_table({"a": {"Edema": -1, "Fracture": 0}})    # "ID,No Finding,...,Support Devices\\na,,,,,,-1,,,,,,,0,\\n"
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.files import as_csv

LABELS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""In the order of CheXpert's files."""

FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The five that CheXpert's leaderboard was judged by."""


def label_table(labels: Mapping[str, Mapping[str, int | None]]) -> str:
    """Labels by image id as the CSV that lies beside a table of reports: 1, 0, -1, and empty for None or no label."""
    return as_csv(("ID", *LABELS), ((i, *(values.get(name) for name in LABELS)) for i, values in labels.items()))
