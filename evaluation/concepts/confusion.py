"""The CUIs of modality and body region: which modality is taken for which, which CUI is missed or invented.

table = modality_confusion(material)
table["CT"]["MRI"]      # images with CT in truth that got MRI
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, cast

from evaluation.concepts.groups import MODALITIES, NONE, REGIONS, SEVERAL, kinds, true_kinds
from evaluation.concepts.material import Material
from evaluation.metrics.concept_f1 import Cuis


class Presence(NamedTuple):
    """Images by whether a CUI is true and whether it was predicted."""

    cui: str
    name: str
    both: int
    missed: int
    """True, not predicted."""
    invented: int
    """Predicted, not true."""
    neither: int


def modality_confusion(material: Material) -> dict[str, dict[str, int]]:
    """True modality -> predicted modality -> images; modalities that occur on neither side are left out."""
    ids = material.scores.ids
    true = true_kinds(material.scores, material.gold, MODALITIES)
    ours = kinds(ids, material.answers, MODALITIES)
    counts = Counter((true[i], ours[i]) for i in ids)
    names = [name for name in (*MODALITIES.values(), SEVERAL, NONE) if name in {*true.values(), *ours.values()}]
    return {name: {other: counts[name, other] for other in names} for name in names}


def presence(material: Material) -> list[Presence]:
    """Each CUI of the secondary score, against the manual concepts where there are such."""
    truth = cast(Mapping[str, Cuis], material.gold.secondary or material.gold.values)
    names = {**MODALITIES, **REGIONS}
    counts: Counter[tuple[str, bool, bool]] = Counter()
    for image_id in material.scores.ids:
        true, ours = ({cui.strip().upper() for cui in side.get(image_id, ())} for side in (truth, material.answers))
        counts.update((cui, cui in true, cui in ours) for cui in names)
    order = ((True, True), (True, False), (False, True), (False, False))
    return [Presence(cui, name, *(counts[cui, *sides] for sides in order)) for cui, name in names.items()]
