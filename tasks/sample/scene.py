"""What an image of the sample shows: modality, region, findings with side and size.

scene_of("train", 12)
# Scene("xray", "chest", (Finding("effusion", "left", "large"), Finding("cardiomegaly")))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.sample.lexicon import CONCEPTS

VERSION = 1
"""Part of every seed; another would draw other images."""

SPLITS = {"train": 840, "valid": 120, "test": 120, "extra": 0}
"""Images per split that are written; `extra` is an endless supply for training the sample model."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One abnormality or device."""

    kind: str
    """Key in the lexicon."""
    side: str = ""
    """Patient's `right` or `left`, empty when it has none. Right is drawn on the left, as radiographs are read."""
    size: str = ""
    """`small`, `large` or empty."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a reference may say about an image."""

    modality: str
    region: str
    findings: tuple[Finding, ...] = ()

    @property
    def organ(self) -> str:
        """The organ that the finding lies in, when it is a concept of its own."""
        kinds = {f.kind for f in self.findings}
        if kinds & {"stone", "hydronephrosis"}:
            return "kidney"
        return "liver" if kinds == {"mass"} and self.region == "abdomen" else ""

    @property
    def female(self) -> bool:
        """Whether the phantom shows a uterus or a breast."""
        return self.modality == "us" and self.region != "abdomen"

    @property
    def keys(self) -> tuple[str, ...]:
        """Lexicon keys of every concept shown, in the lexicon's order."""
        shown = {self.modality, self.region, self.organ}
        for finding in self.findings:
            shown |= {finding.kind, finding.side, finding.size}
        if not self.findings:
            shown.add("normal")
        return tuple(key for key in CONCEPTS if key in shown)

    @property
    def cuis(self) -> tuple[str, ...]:
        """The reference of concept detection."""
        return tuple(CONCEPTS[key].cui for key in self.keys)


CHEST_SHARE = 0.42
"""Share of chest radiographs: they carry the reports."""

VIEWS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("xray", "skull", (("fracture", ""),)),
    ("xray", "arm", (("fracture", ""), ("screw", ""))),
    ("xray", "leg", (("fracture", ""), ("screw", ""))),
    ("xray", "pelvis", (("fracture", "s"), ("prosthesis", "s"))),
    ("xray", "spine", (("scoliosis", ""), ("fracture", ""))),
    ("ct", "brain", (("hematoma", "sz"), ("mass", "sz"))),
    ("ct", "chest", (("nodule", "sz"), ("effusion", "sz"))),
    ("ct", "abdomen", (("mass", "z"), ("stone", "s"), ("ascites", ""))),
    ("mr", "brain", (("mass", "sz"), ("hematoma", "sz"))),
    ("mr", "spine", (("disc", ""), ("fracture", ""))),
    ("mr", "pelvis", (("cyst", "sz"), ("mass", "sz"))),
    ("us", "abdomen", (("gallstone", ""), ("hydronephrosis", ""), ("ascites", ""))),
    ("us", "pelvis", (("cyst", "z"), ("mass", "z"))),
    ("us", "breast", (("cyst", "z"), ("mass", "z"))),
)
"""Modality, region, and the findings there: `s` has a side, `z` a size."""


def stream(split: str, number: int, purpose: int) -> np.random.Generator:
    """The random numbers of one image: 0 decides what it shows, 1 draws it, 2 words it, 3 is the patient."""
    return np.random.Generator(np.random.PCG64([VERSION, list(SPLITS).index(split), number, purpose]))


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def scene_of(split: str, number: int) -> Scene:
    """The scene of image `number` of a split."""
    rng = stream(split, number, 0)
    if rng.random() < CHEST_SHARE:
        return Scene("xray", "chest", _chest(rng))
    modality, region, kinds = VIEWS[int(rng.integers(len(VIEWS)))]
    if rng.random() < 1 / (len(kinds) + 2):
        return Scene(modality, region)
    kind, traits = kinds[int(rng.integers(len(kinds)))]
    return Scene(modality, region, (_finding(rng, kind, traits),))


def _finding(rng: np.random.Generator, kind: str, traits: str, side: str = "") -> Finding:
    side = side or (pick(rng, ("right", "left")) if "s" in traits else "")
    return Finding(kind, side, pick(rng, ("small", "large")) if "z" in traits else "")


def _chest(rng: np.random.Generator) -> tuple[Finding, ...]:
    """None to four findings: at most one in each lung, an enlarged heart, a pacemaker."""
    traits = {"effusion": "sz", "nodule": "sz", "pneumothorax": "s", "consolidation": "s"}
    findings = []
    for side in ("right", "left"):
        if rng.random() < 0.45:
            kind = pick(rng, ("effusion", "effusion", "nodule", "nodule", "pneumothorax", "consolidation"))
            findings.append(_finding(rng, kind, traits[kind], side))
    if rng.random() < 0.28:
        findings.append(Finding("cardiomegaly"))
    if rng.random() < 0.15:
        findings.append(Finding("pacemaker"))
    return tuple(findings)
