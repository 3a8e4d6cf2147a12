"""Which group each scored image belongs to: its modality or body region, the length of its reference, its concepts.

An image's concepts are its manual ones, or its true ones; those of a text are the ones that the data set has for its
image, or else the names of a vocabulary that are found in the reference:

    found = grouping_of("modality", list(gold.values), gold)
    found.of["..._valid_0"], found.how      # "CT", "by the true concepts of each image"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from evaluation.concepts.groups import KINDS, kinds
from evaluation.inputs.references import References
from evaluation.measure.texts import text_of
from evaluation.metrics.concept_f1 import Cuis
from tasks.nouns import InputError

WORDS = (10, 20, 40, 80)
"""The most words of a reference in each band but the last."""
CONCEPTS = (0, 1, 2, 3, 5, 9)
"""The most concepts of an image in each band but the last."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """The images in groups."""

    by: str
    of: Mapping[str, str]
    """Image id -> its group."""
    how: str
    """Where that is known from."""
    order: tuple[str, ...] = ()
    """The groups in their natural order; the largest first when empty."""

    def places(self, ids: Sequence[str]) -> dict[str, list[int]]:
        """Group -> the places of its images in `ids`, the groups in their order."""
        found: dict[str, list[int]] = {}
        for place, image_id in enumerate(ids):
            found.setdefault(self.of[image_id], []).append(place)
        names = [name for name in self.order if name in found]
        return {name: found[name] for name in names or sorted(found, key=lambda name: (-len(found[name]), name))}


def grouping_of(by: str, ids: Sequence[str], gold: References) -> Grouping:
    """The images grouped by one of `BY`; InputError where it cannot be known."""
    return BY[by](by, ids, gold)


def _by_kind(by: str, ids: Sequence[str], gold: References) -> Grouping:
    concepts, which = _concepts(by, ids, gold)
    return Grouping(by, kinds(ids, concepts, KINDS[by]), f"by the {which}")


def _by_concepts(by: str, ids: Sequence[str], gold: References) -> Grouping:
    concepts, which = _concepts(by, ids, gold)
    numbers = {i: len({cui.strip().upper() for cui in concepts.get(i, ()) if cui.strip()}) for i in ids}
    return _banded(by, numbers, CONCEPTS, f"by the number of {which}")


def _by_length(by: str, ids: Sequence[str], gold: References) -> Grouping:
    if isinstance(gold.values[ids[0]], tuple):
        raise InputError("--by length: lists of concepts have no words: use --by concepts")
    numbers = {i: len(text_of(gold.values[i]).split()) for i in ids}
    return _banded(by, numbers, WORDS, "by the number of words in the reference")


BY: Mapping[str, Callable[[str, Sequence[str], References], Grouping]] = {
    **dict.fromkeys(KINDS, _by_kind),
    "length": _by_length,
    "concepts": _by_concepts,
}
"""What images can be grouped by."""


def _concepts(by: str, ids: Sequence[str], gold: References) -> tuple[Mapping[str, Cuis], str]:
    """The concepts of the images, and which they are."""
    if gold.secondary and by in KINDS:
        return gold.secondary, "manual concepts of each image"
    if isinstance(gold.values[ids[0]], tuple):
        return cast(Mapping[str, Cuis], gold.values), "true concepts of each image"
    of_data = gold.concepts_of_data()
    if all(i in of_data for i in ids):
        return of_data, "concepts that the data set has for each image"
    if by not in KINDS and not gold.vocabulary_files:
        raise InputError(
            f"--by {by}: the data set has no concepts for these images: add --vocabulary FILE with the names to look "
            "for in the references"
        )
    found = {i: gold.vocabulary.find(text_of(gold.values[i])) for i in ids}
    if not any(found.values()):
        raise InputError(
            f"--by {by}: no name of a concept is found in the {len(ids)} references, and the data set has no concepts "
            "for these images: add --vocabulary FILE with names in their language, or leave it out"
        )
    return found, "concepts whose names are found in the references"


def _banded(by: str, numbers: Mapping[str, int], ends: Sequence[int], how: str) -> Grouping:
    starts = [0, *(end + 1 for end in ends)]
    names = [*map(_named, starts, ends), f"{starts[-1]} or more"]
    of = {i: names[sum(number > end for end in ends)] for i, number in numbers.items()}
    return Grouping(by, of, how, tuple(names))


def _named(start: int, end: int) -> str:
    return str(start) if start == end else f"{start}–{end}"
