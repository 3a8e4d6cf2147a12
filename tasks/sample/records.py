"""Scene -> what goes with a chest radiograph: the report, CheXpert-style labels, the patient.

report(scene, rng)      # Report("The heart is enlarged. ...", "Cardiomegaly.", {"Cardiomegaly": 1, ...})
"""

from __future__ import annotations

import numpy as np

from tasks.nouns import Report
from tasks.sample.scene import Scene, pick, stream
from tasks.sample.wording import join, phrase, sentence

CHEXPERT = (
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
"""The fourteen labels in the order of CheXpert's files."""

LABELS = {
    "cardiomegaly": ("Cardiomegaly",),
    "nodule": ("Lung Lesion", "Lung Opacity"),
    "consolidation": ("Consolidation", "Lung Opacity"),
    "pneumothorax": ("Pneumothorax",),
    "effusion": ("Pleural Effusion",),
    "pacemaker": ("Support Devices",),
}
ICD10 = {
    "effusion": "J90",
    "nodule": "R91.1",
    "cardiomegaly": "I51.7",
    "pneumothorax": "J93.9",
    "consolidation": "J18.9",
    "pacemaker": "Z95.0",
}
INDICATIONS = (
    "shortness of breath",
    "cough",
    "chest pain",
    "fever",
    "preoperative evaluation",
    "follow-up",
    "weakness",
)
CONTEXT = ("age", "sex", "indication", "heart_rate", "temperature", "respiratory_rate", "oxygen_saturation", "icd10")
"""Columns of context.csv after the id."""


def patient(split: str, number: int, scene: Scene) -> dict[str, str]:
    """Age, sex, indication, vital signs and ICD-10 codes, as text."""
    rng = stream(split, number, 3)
    ill = bool(scene.findings)
    return {
        "age": str(int(rng.integers(20, 90))),
        "sex": pick(rng, ("female",) if scene.female else ("female", "male")),
        "indication": pick(rng, INDICATIONS),
        "heart_rate": str(int(rng.integers(60, 90)) + 15 * ill),
        "temperature": f"{36.3 + rng.integers(0, 10) / 10 + ill * 0.4:.1f}",
        "respiratory_rate": str(int(rng.integers(12, 18)) + 4 * ill),
        "oxygen_saturation": str(int(rng.integers(95, 100)) - 4 * ill),
        "icd10": ";".join(dict.fromkeys(ICD10[f.kind] for f in scene.findings if f.kind in ICD10)) or "R07.9",
    }


def report(scene: Scene, rng: np.random.Generator) -> Report:
    """Findings by organ (heart, pleura, lungs, devices, bones), then the impression."""
    kinds = {f.kind for f in scene.findings}
    text = [_heart(rng, kinds), _pleura(rng, scene), _lungs(rng, scene)]
    labels: dict[str, int | None] = dict.fromkeys(CHEXPERT)
    labels |= {"Cardiomegaly": 0, "Pneumothorax": 0, "Pleural Effusion": 0}
    if "pacemaker" in kinds:
        text.append(pick(rng, ("A pacemaker is in place.", "There is a pacemaker with a lead in the heart.")))
    if not kinds & {"nodule", "consolidation"}:
        labels["Consolidation"] = 0
    if rng.random() < 0.5:
        text.append(pick(rng, ("The bones are intact.", "No acute fracture.")))
        labels["Fracture"] = 0
    for kind in kinds:
        labels |= dict.fromkeys(LABELS[kind], 1)
    if not kinds - {"pacemaker"}:
        labels["No Finding"] = 1
    impression = sentence(join([phrase(rng, f) for f in scene.findings])) if kinds else _clear(rng)
    if "consolidation" in kinds and rng.random() < 0.5:
        impression += " Possible pneumonia."
        labels["Pneumonia"] = -1
    return Report(" ".join(text), impression, labels)


def _clear(rng: np.random.Generator) -> str:
    return pick(rng, ("No acute cardiopulmonary abnormality.", "Normal chest radiograph.", "No acute disease."))


def _heart(rng: np.random.Generator, kinds: set[str]) -> str:
    if "cardiomegaly" in kinds:
        return pick(rng, ("The heart is enlarged.", "The cardiac silhouette is enlarged.", "There is cardiomegaly."))
    return pick(rng, ("The heart size is normal.", "The cardiac silhouette is normal.", "The heart is normal in size."))


def _pleura(rng: np.random.Generator, scene: Scene) -> str:
    found = [f for f in scene.findings if f.kind in {"effusion", "pneumothorax"}]
    absent = [
        name
        for kind, name in (("effusion", "pleural effusion"), ("pneumothorax", "pneumothorax"))
        if kind not in {f.kind for f in found}
    ]
    text = [sentence(f"there is {join([phrase(rng, f) for f in found])}")] if found else []
    if absent:
        text.append(pick(rng, (f"No {' or '.join(absent)}.", f"There is no {' or '.join(absent)}.")))
    return " ".join(text)


def _lungs(rng: np.random.Generator, scene: Scene) -> str:
    found = [f for f in scene.findings if f.kind in {"nodule", "consolidation"}]
    if not found:
        return pick(rng, ("The lungs are clear.", "Both lungs are clear.", "No focal opacity in the lungs."))
    return sentence(f"{join([phrase(rng, f) for f in found])} {'is' if len(found) == 1 else 'are'} seen")
