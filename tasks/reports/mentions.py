"""What a sentence of a report mentions: the phrases of `phrases.yaml`, and what it says of heart and mediastinum.

mentions("heart size normal, small effusion")
# [Mention(0, 10, "Cardiomegaly", 0, settled=True), Mention(25, 33, "Pleural Effusion", 1)]
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from tasks.reports.phrases import Organ, phrases

_ATTRIBUTE = re.compile(r" (?:(?!with|without|and|or|but|in|to|for|on|at|is|are)[a-z-]+ ){0,3}")
"""What may stand between a word and the noun that it goes with."""


class Mention(NamedTuple):
    """A phrase of a sentence, by its characters."""

    start: int
    end: int
    label: str
    value: int = 1
    """What it says when the sentence affirms it."""
    heart: bool = False
    """Whether it throws doubt on the size of the heart too."""
    settled: bool = False
    """Whether it says so whatever the rest of the sentence."""


def mentions(sentence: str) -> list[Mention]:
    """All mentions in a sentence of lower case, in their order."""
    found = [
        Mention(match.start(), match.end(), pattern.label, pattern.most, pattern.heart)
        for pattern in phrases().mentions
        for match in pattern.words.finditer(sentence)
    ]
    phrased = sorted(mention.start for mention in found)
    organs = [(organ, name) for organ in phrases().organs for name in organ.names.finditer(sentence)]
    nouns = sorted([*phrased, *(name.start() for _, name in organs)])
    for organ in phrases().organs:
        names = [name for own, name in organs if own is organ]
        words = [(word, _noun_of(sentence, word, nouns)) for word in organ.judgements.finditer(sentence) if names]
        for name in names:
            if word := _judgement(name, words, phrased):
                found.append(_judged(organ, name, word))
    return sorted(found)


def _judged(organ: Organ, name: re.Match[str], word: re.Match[str]) -> Mention:
    """What `word` says of an organ: an enlargement is a mention at the place of its word, and may be denied there."""
    if word.lastgroup == "abnormal":
        return Mention(*word.span(), organ.label)
    return Mention(*name.span(), organ.label, 0 if word.lastgroup == "normal" else -1, settled=True)


def _judgement(
    name: re.Match[str], words: Sequence[tuple[re.Match[str], int | None]], phrased: Sequence[int]
) -> re.Match[str] | None:
    """Of the words, each with the noun that it goes with, the one that judges the organ `name`.

    It is its attribute ("normal heart"), else the next that follows and is no other's attribute ("heart and lungs are
    normal, large effusion"); of these a clear word rather than a doubtful one. Else it is the last before, with no
    phrase between ("normal heart and mediastinum").
    """
    start, end = name.span()
    own = [word for word, noun in reversed(words) if noun == start]
    own += [word for word, noun in words if word.start() >= end and noun is None]
    if own:
        return next((word for word in own if word.lastgroup != "doubtful"), own[0])
    before = next((word for word, _ in reversed(words) if word.end() <= start), None)
    return before if before and bisect_left(phrased, before.end()) == bisect_left(phrased, start) else None


def _noun_of(sentence: str, word: re.Match[str], nouns: Sequence[int]) -> int | None:
    """Where the noun starts that a word is an attribute of: the next one, a few words on at most."""
    n = bisect_left(nouns, word.end())
    return nouns[n] if n < len(nouns) and _ATTRIBUTE.fullmatch(sentence, word.end(), nouns[n]) else None
