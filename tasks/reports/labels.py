"""The fourteen observations of CheXpert, and how a report's label says what it thinks of one.

1 present, 0 absent, -1 uncertain, None not mentioned, as in the tables of CheXpert (Irvin et al., AAAI 2019) and
MIMIC-CXR-JPG (Johnson et al., 2019).
"""

from __future__ import annotations

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
