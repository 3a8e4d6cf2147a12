"""Data of gallery pages, made up: what `gallery_page` takes, for each task, of any length, and some of it hostile."""

from __future__ import annotations

import base64
import io
import random
from functools import cache
from typing import Any

from PIL import Image, ImageDraw

NAMES = {
    "C0040405": "X-Ray Computed Tomography",
    "C1306645": "Plain x-ray",
    "C0024485": "Magnetic Resonance Imaging",
    "C0041618": "Ultrasonography",
    "C0817096": "Chest",
    "C0032227": "Pleural effusion disorder",
    "C0018800": "Cardiomegaly",
    "C0030797": "Pelvis",
}
MODALITIES = {"CT": "C0040405", "X-ray": "C1306645", "MRI": "C0024485", "ultrasound": "C0041618"}
LABELS = ("Edema", "Cardiomegaly", "Pneumothorax", "Pleural Effusion", "Fracture", "Support Devices")
PARTS = ("of the chest", "of the pelvis", "of the abdomen", "with contrast in the portal phase", "in the axial plane")
FINDS = ("a large left pleural effusion", "an enlarged heart", "no acute finding", "a cystic lesion of 3.5 cm (arrow)")
HOSTILE = '</script><script>window.struck = 1</script><img src=x onerror="window.struck = 2"> & 50% of C_1 \\ α'


def data_of(task: str, number: int, *, runs: int = 1, images: bool = True) -> dict[str, Any]:
    """A page's data: every seventh answer of the last run failed, ids count from 0, scores lie in 0 to 1."""
    chance = random.Random(number)
    names = ["base", "lora"][:runs]
    scores = [
        {"name": "f1" if task == "concept_detection" else "rouge1", "primary": True, "surrogate": False},
        {"name": "similarity", "primary": False, "surrogate": True},
    ]
    return {
        "title": f"Gallery of {task.replace('_', ' ')}",
        "task": task,
        "edition": 2026,
        "split": "valid",
        "runs": names,
        "disclaimer": "Research software: no output is for clinical use.",
        "notes": ["The images are drawn by a program.", "Scores are of single images."],
        "shared": False,
        "scores": scores,
        "overall": [
            {"rouge1": {"value": 0.2131, "ci": [0.19, 0.24]}, "similarity": {"value": 0.5, "ci": None}} for _ in names
        ],
        "names": NAMES,
        "unsought": [],
        "cards": [_card(task, place, chance, runs=runs, images=images) for place in range(number)],
    }


def _card(task: str, place: int, chance: random.Random, *, runs: int, images: bool) -> dict[str, Any]:
    modality = list(MODALITIES)[place % len(MODALITIES)]
    concepts = sorted({MODALITIES[modality], *chance.sample(sorted(NAMES), 2)})
    reference = _value(task, modality, concepts, chance)
    return {
        "id": f"image_{place}",
        "image": _image(place % 12) if images else None,
        "views": [_image(place % 12 + 1)] if images and place % 5 == 1 else [],
        "modality": modality,
        "length": 6 + place % 30,
        "reference": reference,
        "concepts": [] if task == "report_generation" else concepts,
        "answers": [_answer(task, place, modality, chance, last=run == runs - 1) for run in range(runs)],
    }


def _answer(task: str, place: int, modality: str, chance: random.Random, *, last: bool) -> dict[str, Any]:
    if last and place % 7 == 3:
        return {"value": None, "failed": "out of memory at 896 px", "scores": [None, None], "concepts": []}
    concepts = sorted({MODALITIES[modality], *chance.sample(sorted(NAMES), 1)})
    scores = [round(chance.random(), 4), None if place % 11 == 5 else round(chance.random(), 4)]
    value = _value(task, modality, concepts, chance)
    own = [] if task == "report_generation" else concepts
    return {"value": value, "failed": "", "scores": scores, "concepts": own}


def _value(task: str, modality: str, concepts: list[str], chance: random.Random) -> Any:
    if task == "concept_detection":
        return concepts
    text = f"{modality} {chance.choice(PARTS)} showing {chance.choice(FINDS)}."
    if task == "caption_prediction":
        return text
    states = [1, 0, -1, None, None]
    findings = " ".join([text, *(f"There is {chance.choice(FINDS)}." for _ in range(4))])
    return {
        "findings": findings,
        "impression": f"Shows {chance.choice(FINDS)}.",
        "labels": {label: chance.choice(states) for label in LABELS},
        "icd": ["J90"] if chance.random() < 0.5 else [],
    }


@cache
def _image(seed: int) -> str:
    """A small drawing as an address with its bytes in it."""
    drawn = Image.new("L", (160, 120 + 10 * (seed % 5)), 10)
    pen = ImageDraw.Draw(drawn)
    pen.ellipse((30, 20, 130, 110), fill=90 + 10 * seed, outline=220)
    pen.ellipse((50, 40, 70 + seed, 80), fill=30)
    pen.ellipse((95, 40, 115, 80 + seed), fill=30)
    file = io.BytesIO()
    drawn.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
