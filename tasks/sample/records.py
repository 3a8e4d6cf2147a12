"""Scene -> what goes with a chest radiograph: the report, CheXpert-style labels, the patient.

person = patient("train", 0, scene)      # {"age": "62", "sex": "female", "indication": "cough", ...}
report(scene, rng, person)      # Report("The heart is enlarged. ...", "Cardiomegaly in a woman with cough.", ...)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tasks.nouns import Report
from tasks.reports.labels import LABELS
from tasks.sample.scene import Scene, pick, stream
from tasks.sample.wording import join, phrase, sentence

SHOWN_AS = {
    "cardiomegaly": ("Cardiomegaly",),
    "nodule": ("Lung Lesion", "Lung Opacity"),
    "consolidation": ("Consolidation", "Lung Opacity"),
    "pneumothorax": ("Pneumothorax",),
    "effusion": ("Pleural Effusion",),
    "pacemaker": ("Support Devices",),
}
"""Finding -> its labels."""
ICD10 = {
    "effusion": "J90",
    "nodule": "R91.1",
    "cardiomegaly": "I51.7",
    "pneumothorax": "J93.9",
    "consolidation": "J18.9",
    "pacemaker": "Z95.0",
}
INDICATIONS = ("shortness of breath", "cough", "chest pain", "fever", "weight loss", "fatigue", "weakness")
SIGNS_OF_INFECTION = ("cough", "fever")
"""With one of these a consolidation is read as possible pneumonia."""
CONTEXT = ("age", "sex", "indication", "heart_rate", "temperature", "respiratory_rate", "oxygen_saturation", "icd10")
"""Columns of context.csv after the id."""


def patient(split: str, number: int, scene: Scene) -> dict[str, str]:
    """Age, sex, indication, vital signs and ICD-10 codes, as text."""
    rng = stream(split, number, 3)
    ill = bool(scene.findings)
    infected = any(f.kind == "consolidation" for f in scene.findings)
    return {
        "age": str(int(rng.integers(20, 90))),
        "sex": pick(rng, ("female",) if scene.female else ("female", "male")),
        "indication": pick(rng, SIGNS_OF_INFECTION + INDICATIONS[:1] if infected else INDICATIONS),
        "heart_rate": str(int(rng.integers(60, 90)) + 15 * ill),
        "temperature": f"{36.3 + rng.integers(0, 10) / 10 + ill * 0.4:.1f}",
        "respiratory_rate": str(int(rng.integers(12, 18)) + 4 * ill),
        "oxygen_saturation": str(int(rng.integers(95, 100)) - 4 * ill),
        "icd10": ";".join(dict.fromkeys(ICD10[f.kind] for f in scene.findings if f.kind in ICD10)) or "R07.9",
    }


def report(scene: Scene, rng: np.random.Generator, person: Mapping[str, str]) -> Report:
    """Findings by organ (heart, pleura, lungs, devices, bones), then the impression.

    The impression says what no image shows: who the patient is and why the image was taken, and of a consolidation with
    signs of infection that it may be pneumonia. A model that is told of the patient can know it, another cannot.
    """
    kinds = {f.kind for f in scene.findings}
    text = [_heart(rng, kinds), _pleura(rng, scene), _lungs(rng, scene)]
    labels: dict[str, int | None] = dict.fromkeys(LABELS)
    labels |= {"Cardiomegaly": 0, "Pneumothorax": 0, "Pleural Effusion": 0}
    if "pacemaker" in kinds:
        text.append(pick(rng, ("A pacemaker is in place.", "There is a pacemaker with a lead in the heart.")))
    if not kinds & {"nodule", "consolidation"}:
        labels["Consolidation"] = 0
    if rng.random() < 0.5:
        text.append(pick(rng, ("The bones are intact.", "No acute fracture.")))
        labels["Fracture"] = 0
    for kind in kinds:
        labels |= dict.fromkeys(SHOWN_AS[kind], 1)
    if not kinds - {"pacemaker"}:
        labels["No Finding"] = 1
    seen = join([phrase(rng, f) for f in scene.findings]) if kinds else _clear(rng)
    impression = sentence(f"{seen} in a {'man' if person['sex'] == 'male' else 'woman'} with {person['indication']}")
    if "consolidation" in kinds and person["indication"] in SIGNS_OF_INFECTION:
        impression += " Possible pneumonia."
        labels["Pneumonia"] = -1
    return Report(" ".join(text), impression, labels)


def _clear(rng: np.random.Generator) -> str:
    return pick(rng, ("no acute cardiopulmonary abnormality", "normal chest radiograph", "no acute disease"))


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
