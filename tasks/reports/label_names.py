"""CheXpert's observations however a model spells them and says what it thinks of them.

canonical("PLEURAL_EFFUSION")      # "Pleural Effusion"
canonical("Airspace Opacity")      # "Lung Opacity", which NegBio and CheXpert's labeler called it first
canonical("Hernia")                # "Hernia": not one of the fourteen
read_labels("Edema: positive, Fracture: 0")      # {"Edema": 1, "Fracture": 0}
"""

from __future__ import annotations

import re
from typing import Any

from tasks.reports.labels import LABELS
from tasks.reports.lenient import objects, said

_SYNONYMS = {
    "normal": "No Finding",
    "no findings": "No Finding",
    "enlarged cardiom": "Enlarged Cardiomediastinum",
    "enlarged mediastinum": "Enlarged Cardiomediastinum",
    "airspace opacity": "Lung Opacity",
    "opacity": "Lung Opacity",
    "lung opacities": "Lung Opacity",
    "lesion": "Lung Lesion",
    "lung lesions": "Lung Lesion",
    "oedema": "Edema",
    "pulmonary edema": "Edema",
    "pulmonary oedema": "Edema",
    "effusion": "Pleural Effusion",
    "pleural effusions": "Pleural Effusion",
    "fractures": "Fracture",
    "support device": "Support Devices",
    "devices": "Support Devices",
}
_NAMES = {label.lower(): label for label in LABELS} | _SYNONYMS
_PAIR = re.compile(r"""["']?([A-Za-z][A-Za-z /_-]{0,60}?)["']?\s{0,9}+:\s*+["']?(-?\d+(?:\.\d+)?|\w+)["']?""")
_THOUGHTS = {
    "positive": 1,
    "present": 1,
    "true": 1,
    "yes": 1,
    "negative": 0,
    "absent": 0,
    "false": 0,
    "no": 0,
    "uncertain": -1,
    "possible": -1,
}
_MARKS = re.compile(r"[\W_]+")


def canonical(name: str) -> str:
    """The name among `LABELS` that is meant; another name as it is written, without blanks at its ends."""
    return _NAMES.get(_MARKS.sub(" ", name).strip().lower(), name.strip())


def read_labels(value: Any) -> dict[str, int | None]:
    """The labels of an object, or of a text that holds one or pairs such as `Edema: positive`."""
    if isinstance(value, str):
        value = next((document for document, _ in objects(value)), None) or dict(_PAIR.findall(value))
    named = value.items() if isinstance(value, dict) else ()
    return {canonical(said(name)): thought(said(inner)) for name, inner in named}


def thought(value: str) -> int | None:
    """1, 0, -1 or None from how a model writes a label: `1.0`, `positive`, `Uncertain`."""
    if digits := re.fullmatch(r"(-?[01])(?:\.0*)?", value.strip()):
        return int(digits[1])
    return _THOUGHTS.get(value.strip().lower())
