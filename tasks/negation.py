"""What a text denies: the words that open and close the scope of a negation, in English and Spanish.

A small rule in the manner of NegEx (Chapman et al., Journal of Biomedical Informatics 34, 2001): a trigger denies all
concepts after it up to the end of the sentence, a contrast ("but", "pero") or a comma with "and" or "with"; a trigger
behind ("... is absent") denies those before it in its clause; a pseudo-negation ("no change") denies nothing:

    "no effusion or pneumothorax, but cardiomegaly"      -> cardiomegaly
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TypeVar

Item = TypeVar("Item")


class Cue(Enum):
    """What a phrase does to the concepts round it."""

    BEFORE = "denies what follows"
    AFTER = "denies what stands before"
    END = "ends a scope"
    COMMA = "ends the reach of a trigger behind"
    NONE = "only looks like a negation"


_PHRASES: dict[Cue, tuple[str, ...]] = {
    Cue.BEFORE: (
        *("no", "not", "without", "absence of", "absent", "negative for", "no evidence of", "free of", "lack of"),
        *("lacks", "lacking", "neither", "nor", "never", "denies", "excludes", "ruled out for", "resolution of"),
        *("sin", "ningun", "ninguna", "ausencia de", "negativo para", "negativa para", "descarta", "descarta la"),
        *("libre de", "carece de", "niega", "tampoco", "no hay", "no se observa", "no se observan", "sin evidencia de"),
    ),
    Cue.AFTER: (
        *("is absent", "are absent", "is not seen", "are not seen", "not seen", "is not identified", "not identified"),
        *("not visible", "not present", "not demonstrated", "is excluded", "was excluded", "ruled out", "has resolved"),
        *("no visible", "no presente", "ausente", "ausentes", "descartado", "descartada", "no se aprecia"),
    ),
    Cue.END: (
        *(".", "but", "however", "although", "though", "except", "apart from", "aside from", "nevertheless", "yet"),
        *(", and", ", with", ", while", ", which", "there is", "there are"),
        *("pero", "sino", "aunque", "salvo", "excepto", "sin embargo", "no obstante", ", y", ", con", ", que"),
    ),
    Cue.COMMA: (",",),
    Cue.NONE: (
        *("no change", "no changes", "no significant change", "no interval change", "no increase", "no decrease"),
        *("not only", "not certain", "not necessarily", "not clear", "not clearly", "without change", "no further"),
        *("without significant change", "without interval change", "gram negative", "cannot be excluded"),
        *("not excluded", "not ruled out", "cannot be ruled out", "can not be excluded"),
        *("sin cambios", "sin cambio", "no solo", "no se puede descartar", "no se descarta", "sin variacion"),
    ),
}
CUES = {phrase: cue for cue, phrases in _PHRASES.items() for phrase in phrases}
"""Folded phrase -> what it does."""


def affirmed(mentions: Iterable[Cue | Item]) -> list[Item]:
    """The items of a text that it does not deny, given items and cues in their order."""
    kept: list[Item] = []
    clause = 0
    denied = False
    for mention in mentions:
        if not isinstance(mention, Cue):
            if not denied:
                kept.append(mention)
        elif mention is Cue.AFTER:
            del kept[clause:]
        elif mention is not Cue.NONE:
            denied = mention is Cue.BEFORE or (denied and mention is Cue.COMMA)
            clause = clause if mention is Cue.BEFORE else len(kept)
    return kept


def longest(spans: Sequence[tuple[int, int, Item]]) -> list[Item]:
    """Of (start, end, item) that overlap the longest, the first of equals; in the order of the text."""
    taken: list[tuple[int, int, Item]] = []  # sorted, and none overlaps another: only neighbours can be in the way
    for start, end, item in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        n = bisect_left(taken, start, key=lambda span: span[0])
        if (n == 0 or taken[n - 1][1] <= start) and (n == len(taken) or end <= taken[n][0]):
            taken.insert(n, (start, end, item))
    return [item for _, _, item in taken]
