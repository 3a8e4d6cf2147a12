"""The object that the page of a gallery is made from: a card for each image, the scores, the names of concepts.

data = page_data(material, pictures(material.images, "none", beside=out))
data["cards"][0]["answers"][0]      # {"value": ["C0040405"], "failed": "", "scores": [0.67, ...], "concepts": [...]}

An image's concepts are those the data set names, else those that its vocabulary finds in the reference; those of an
answer are the answer itself (task 1) or what the vocabulary finds in it (task 2): of a concept without a name there no
text can be right or wrong. Reports have labels instead, the stated ones or those of the labeler.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.concepts.groups import MODALITIES, NONE, kinds
from evaluation.gallery.images import Pictures
from evaluation.gallery.material import Material
from evaluation.gallery.notes import notes_of
from evaluation.measure.texts import text_of
from evaluation.metrics.concept_f1 import Cuis
from evaluation.scores import Score, Scores
from tasks.nouns import Report, Task, Value
from tasks.reports.disclaimer import DISCLAIMER

DIGITS = 4
"""Of a score of an image."""


def page_data(material: Material, pictures: Pictures) -> dict[str, Any]:
    """The object for `gallery_page`; it holds whatever there is."""
    first = material.runs[0]
    concepts = _true_concepts(material)
    modalities = kinds(concepts, {**concepts, **material.known.manual}, MODALITIES)
    unsought = _unsought(material, concepts)
    names = _of_images([own.scores for own in material.scores])
    answers = [_answers(material, n, names) for n in range(len(material.runs))]
    cards = []
    for image_id in material.ids:
        shown = pictures.shown.get(image_id, ())
        reference = material.references.get(image_id)
        modality = modalities.get(image_id, NONE)
        cards.append(
            {
                "id": image_id,
                "image": next(iter(shown), None),
                "views": list(shown[1:]),
                "modality": None if modality == NONE else modality,
                "length": _length(reference),
                "reference": None if reference is None else _value(reference),
                "concepts": concepts.get(image_id, []),
                "answers": [of_run[image_id] for of_run in answers],
            }
        )
    return {
        "title": f"{' and '.join(material.names)}: {str(material.task).replace('_', ' ')}",
        "task": str(material.task),
        "edition": first.edition,
        "split": first.split,
        "runs": list(material.names),
        "disclaimer": DISCLAIMER,
        "notes": [*material.notes, *notes_of(material, unread=pictures.unread, unsought=unsought)],
        "shared": False,
        "scores": [
            {"name": name, "primary": score.role == "primary", "surrogate": score.surrogate}
            for name, score in names.items()
        ],
        "overall": [_overall(material, n) for n in range(len(material.runs))],
        "names": _names(material, cards),
        "unsought": unsought,
        "cards": cards,
    }


def _answers(material: Material, n: int, names: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    """Image id -> the answer of run number `n` on the card."""
    answers, failures = material.answers[n], material.failures[n]
    scores = _scores_by_image(material.scores[n], names) if material.scores else {}
    unscored: list[float | None] = [None] * len(names)
    found = {}
    for image_id in material.ids:
        value, failed = answers[image_id], failures.get(image_id, "")
        found[image_id] = {
            "value": None if failed and _empty(value) else _value(value),
            "failed": failed,
            "scores": scores.get(image_id, unscored),
            "concepts": _concepts_of(material, value),
        }
    return found


def _scores_by_image(scores: Scores, names: Mapping[str, Score]) -> dict[str, list[float | None]]:
    """Image id -> its scores in the order of `names`; None where the image does not count."""
    if not names:
        return {}
    table = np.column_stack([scores.scores[name].per_image for name in names]).round(DIGITS)
    rows: list[list[float]] = table.tolist()
    return {i: [None if math.isnan(one) else one for one in row] for i, row in zip(scores.ids, rows, strict=True)}


def _overall(material: Material, n: int) -> dict[str, Any]:
    """Name -> value and interval of run number `n`: what was measured here, then what needed a model."""
    if not material.scores:
        return {}
    own, recorded = material.scores[n], material.runs[n].scores or {}
    before = recorded["scores"] if recorded.get("n") == len(own.ids) else {}
    measured = {name: {"value": score.value, "ci": list(score.ci)} for name, score in own.scores.items()}
    return measured | {
        name: {"value": entry["value"], "ci": entry["ci"]} for name, entry in before.items() if name not in measured
    }


def _of_images(systems: Sequence[Mapping[str, Score]]) -> dict[str, Score]:
    """The scores that say something of one image: their value is the mean over images, each between 0 and 1.

    Corpus BLEU and micro F1 are no means over images, CIDEr of an image goes up to 10.
    """
    first, *others = systems or [{}]
    return {
        name: score
        for name, score in first.items()
        if all(name in own and _is_share(own[name]) for own in (first, *others))
    }


def _is_share(score: Score) -> bool:
    own = score.per_image[~np.isnan(score.per_image)]
    within = bool(((own >= 0) & (own <= 1 + 1e-9)).all())
    return within and bool(np.isclose(own.mean(), score.value, rtol=1e-9, atol=1e-12))


def _true_concepts(material: Material) -> dict[str, list[str]]:
    """Image id -> its true concepts, of images that have any known."""
    if material.task is Task.REPORTS:
        return {}
    found = {i: _cuis(material.known.concepts[i]) for i in material.ids if i in material.known.concepts}
    texts = {i: text for i, text in material.references.items() if i not in found and isinstance(text, str)}
    return found | {i: list(material.vocabulary.find(text)) for i, text in texts.items()}


def _concepts_of(material: Material, value: Value) -> list[str]:
    if isinstance(value, Report):
        return []
    return list(material.vocabulary.find(value)) if isinstance(value, str) else _cuis(value)


def _unsought(material: Material, concepts: Mapping[str, Sequence[str]]) -> list[str]:
    """The true concepts that are found in no text, whatever it says: no name, or only names that others bear."""
    if material.task is not Task.CAPTIONS:
        return []
    every = sorted({cui for own in concepts.values() for cui in own})
    names, find = material.vocabulary.names, material.vocabulary.find
    return [cui for cui in every if not any(cui in find(name) for name in names.get(cui, ()))]


def _value(value: Value) -> Any:
    """As the page has it."""
    if isinstance(value, Report):
        from tasks.reports.labeler import label_report

        labels = value.labels or label_report(value)
        return {
            "findings": value.findings,
            "impression": value.impression,
            "labels": {name: label for name, label in labels.items() if label is not None},
            "icd": list(value.icd),
        }
    return value if isinstance(value, str) else _cuis(value)


def _cuis(entries: Cuis) -> list[str]:
    """Each once, in upper case as the evaluators read them; an empty cell holds none."""
    return list(dict.fromkeys(filter(None, map(str.strip, map(str.upper, entries)))))


def _empty(value: Value) -> bool:
    return not any(value) if isinstance(value, tuple) else not text_of(value).strip()


def _length(reference: Value | None) -> int:
    """Words of a text, concepts of a list."""
    if reference is None:
        return 0
    return len(_cuis(reference)) if isinstance(reference, tuple) else len(text_of(reference).split())


def _names(material: Material, cards: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """CUI -> name of the concepts on the cards that have one."""
    shown = {cui for card in cards for side in (card, *card["answers"]) for cui in side["concepts"]}
    found = {cui: material.vocabulary.name(cui) for cui in sorted(shown)}
    return {cui: name for cui, name in found.items() if name}
