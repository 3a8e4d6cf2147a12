"""Phrases that no dictionary has, read as the concept whose name is most like them.

The phrases are the runs of up to `MOST_WORDS` words that the vocabulary leaves unread; of those that overlap, the one
most like a name is taken. They become names of the concept, so that everything else (the longest name wins, what is
denied is dropped) goes the one way of the dictionary:

    wider, found = with_phrases(vocabulary, captions, encoder.embed, least=0.7)
    found[0]                               # Phrase(text="pulmonary", cui="C0024109", name="Lung", likeness=0.82)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tasks.concepts import Vocabulary
from tasks.negation import Cue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_WORDS = 4
_CELLS = 40_000_000
"""Phrases times names that are compared at once: 160 MB."""
_DENY = frozenset({Cue.BEFORE, Cue.AFTER})
_SHORTEST = 3
_LITTLE = frozenset(
    [
        *("the", "and", "for", "with", "from", "this", "that", "these", "which", "was", "were", "are", "has", "had"),
        *("been", "into", "after", "before", "during", "between", "through", "over", "under", "than", "also", "both"),
        *("las", "los", "una", "del", "que", "por", "para", "con", "como", "entre", "sobre", "esta", "este"),
    ]
)
"""Words at which no phrase begins or ends, as at those of one or two letters and at numbers."""

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts to vectors of unit length."""


class Phrase(NamedTuple):
    """A phrase and the concept that it is read as."""

    text: str
    cui: str
    name: str
    """Of the concept's names the one most like it."""
    likeness: float
    """Cosine."""


def with_phrases(
    vocabulary: Vocabulary, texts: Sequence[str], embed: Embed, *, least: float
) -> tuple[Vocabulary, list[Phrase]]:
    """The vocabulary with phrases of the texts as further names, and those phrases, the likest first."""
    stretches = list(dict.fromkeys(stretch for text in texts for stretch in vocabulary.unread(text)))
    phrases = dict.fromkeys(phrase for stretch in stretches for _, _, phrase in _phrases(stretch))
    alike = {found.text: found for found in _likest(list(phrases), vocabulary, embed, least=least)}
    taken: dict[str, Phrase] = {}
    for stretch in stretches:
        taken |= {found.text: found for found in _apart(stretch, alike)}
    return _with(vocabulary, taken.values())


def with_entries(
    vocabulary: Vocabulary, entries: Sequence[str], embed: Embed, *, least: float
) -> tuple[Vocabulary, list[Phrase]]:
    """The same with whole entries of lists that are no names; those that deny something are left alone."""
    plain = [entry for entry in entries if not _DENY.intersection(vocabulary.mentions(entry))]
    return _with(vocabulary, _likest(plain, vocabulary, embed, least=least))


def _with(vocabulary: Vocabulary, phrases: Iterable[Phrase]) -> tuple[Vocabulary, list[Phrase]]:
    found = sorted(phrases, key=lambda phrase: (-phrase.likeness, phrase.text))
    names = {cui: list(of_cui) for cui, of_cui in vocabulary.names.items()}
    for phrase in found:
        names[phrase.cui].append(phrase.text)
    return Vocabulary({cui: tuple(of_cui) for cui, of_cui in names.items()}), found


def _phrases(stretch: str) -> list[tuple[int, int, str]]:
    """First word, word behind the last, and text of each phrase of a stretch."""
    words = stretch.split()
    ends = [len(word) >= _SHORTEST and word.isalpha() and word not in _LITTLE for word in words]
    return [
        (start, end, " ".join(words[start:end]))
        for start in range(len(words))
        for end in range(start + 1, min(start + MOST_WORDS, len(words)) + 1)
        if ends[start] and ends[end - 1]
    ]


def _apart(stretch: str, alike: dict[str, Phrase]) -> list[Phrase]:
    """The phrases of a stretch that are like a name and share no word, the likest first."""
    spans = [(start, end, alike[text]) for start, end, text in _phrases(stretch) if text in alike]
    taken: list[tuple[int, int, Phrase]] = []
    for start, end, phrase in sorted(spans, key=lambda span: -span[2].likeness):
        if all(end <= first or last <= start for first, last, _ in taken):
            taken.append((start, end, phrase))
    return [phrase for _, _, phrase in taken]


def _likest(phrases: Sequence[str], vocabulary: Vocabulary, embed: Embed, *, least: float) -> list[Phrase]:
    """Each phrase with the name most like it, the first of equals; without those that are like none."""
    names = [(cui, name) for cui, of_cui in vocabulary.names.items() for name in of_cui]
    if not phrases or not names:
        return []
    known = embed([name for _, name in names])
    found = []
    step = max(1, _CELLS // len(names))
    for start in range(0, len(phrases), step):
        block = phrases[start : start + step]
        alike = embed(block) @ known.T
        for phrase, n, likeness in zip(block, alike.argmax(axis=1), alike.max(axis=1), strict=True):
            if likeness >= least:
                cui, name = names[n]
                found.append(Phrase(phrase, cui, name, float(likeness)))
    return found
