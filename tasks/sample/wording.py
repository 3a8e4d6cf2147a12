"""Scene -> caption, in varied wording: synonyms, word order, asides, an absent finding now and then.

Every caption names all concepts of its scene and no other, so reading the names back gives the reference.

    caption(scene, rng, age=54, sex="female")
    # "Frontal chest radiograph showing a large left pleural effusion and cardiomegaly."
"""

from __future__ import annotations

import numpy as np

from tasks.sample.lexicon import CONCEPTS
from tasks.sample.scene import Finding, Scene, pick

VIEW = {
    "xray": ("frontal", "AP", "digital"),
    "ct": ("axial", "contrast-enhanced", "unenhanced"),
    "mr": ("T1-weighted", "T2-weighted", "post-contrast"),
    "us": ("grayscale", "transverse", "B-mode"),
}
VERBS = ("showing", "demonstrating", "with", "revealing")
UNCOUNTED = {"cardiomegaly", "consolidation", "hydronephrosis", "scoliosis", "ascites", "screw", "gallstone"}
"""Findings named without an article."""


def noun(rng: np.random.Generator, key: str) -> str:
    """A name of the concept, the usual one more often than not."""
    names = CONCEPTS[key].nouns
    return names[0] if rng.random() < 0.6 else pick(rng, names)


def _article(words: str, kind: str) -> str:
    if kind in UNCOUNTED and not words.startswith("enlarged"):
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def phrase(rng: np.random.Generator, finding: Finding, organ: str = "") -> str:
    """One finding in words, such as `a small nodule on the right`."""
    name = noun(rng, finding.kind)
    side = finding.side
    size = f"{noun(rng, finding.size)} " if finding.size else ""
    if organ:
        where = " ".join(filter(None, (side, organ)))
        if rng.random() < 0.5:
            return _article(f"{size}{name} in the {where}", finding.kind)
        return _article(f"{size}{side} {CONCEPTS[organ].adjectives[0]} {name}".strip(), finding.kind)
    if side and rng.random() < 0.3:
        return _article(f"{size}{name} on the {side}", finding.kind)
    return _article(f"{size}{noun(rng, side)} {name}" if side else f"{size}{name}", finding.kind)


def _study(rng: np.random.Generator, scene: Scene) -> str:
    """Modality and region in words, such as `axial CT of the brain`."""
    modality, region = noun(rng, scene.modality), noun(rng, scene.region)
    adjectives = CONCEPTS[scene.region].adjectives
    form = rng.random()
    if form < 0.35:
        words = f"{modality} of the {region}"
    elif form < 0.5 and adjectives:
        words = f"{pick(rng, adjectives)} {modality}"
    else:
        words = f"{region} {modality}"
    return f"{pick(rng, VIEW[scene.modality])} {words}" if rng.random() < 0.3 else words


def join(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def sentence(words: str) -> str:
    """The words with a capital first letter and a full stop."""
    return f"{words[0].upper()}{words[1:]}."


def caption(scene: Scene, rng: np.random.Generator, *, age: int, sex: str) -> str:
    """The reference caption of a scene."""
    study = _study(rng, scene)
    person = f" in a {age}-year-old {'man' if sex == 'male' else 'woman'}" if rng.random() < 0.1 else ""
    if not scene.findings:
        plain = noun(rng, "normal")
        text = sentence(pick(rng, (f"{plain} {study}{person}", f"{study}{person} with {plain} appearance")))
    else:
        found = join([phrase(rng, finding, scene.organ) for finding in scene.findings])
        forms = (
            f"{study} {pick(rng, VERBS)} {found}{person}",
            f"{study}{person}. There is {found}",
            f"{found} on {study}",
        )
        text = sentence(forms[0] if rng.random() < 0.6 else pick(rng, forms))
    absent = [k for k in ("effusion", "pneumothorax") if k not in {f.kind for f in scene.findings}]
    if scene.region == "chest" and absent and rng.random() < 0.15:
        name = CONCEPTS[pick(rng, absent)].nouns[0]
        text += pick(rng, (f" No {name}.", f" There is no {name}.", f" No evidence of {name}."))
    return text
