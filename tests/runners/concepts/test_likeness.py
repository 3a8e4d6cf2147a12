"""Phrases by likeness: the likest of those that overlap, nothing that a dictionary reads, nothing that is denied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from runners.concepts.likeness import with_entries, with_phrases
from tasks.concepts import Vocabulary

LUNG, HEART, EFFUSION = "C0024109", "C0018787", "C0013687"
VOCABULARY = Vocabulary({LUNG: ("Lung",), HEART: ("Heart",), EFFUSION: ("effusion",)})
DIRECTIONS = {
    "lung": (1, 0, 0, 0),
    "pulmonary": (1, 0, 0, 0),
    "heart": (0, 1, 0, 0),
    "cardiac": (0, 1, 0, 0),
    "effusion": (0, 0, 1, 0),
}


def embed(texts: Sequence[str]) -> np.ndarray:
    """Sums of the words' directions; unknown words share one of their own."""
    vectors = np.array(
        [np.sum([DIRECTIONS.get(word, (0, 0, 0, 1)) for word in text.lower().split()], axis=0) for text in texts],
        dtype=np.float32,
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


@pytest.mark.parametrize(
    ("text", "cuis", "phrases"),
    [
        ("Pulmonary shadow", (LUNG,), ["pulmonary"]),
        ("the cardiac silhouette of pulmonary size", (HEART, LUNG), ["cardiac", "pulmonary"]),
        ("No cardiac shadow, but a pulmonary one", (LUNG,), ["cardiac", "pulmonary"]),
        ("lung and heart", (LUNG, HEART), []),
        ("a shadow 12", (), []),
        ("", (), []),
    ],
)
def test_the_likest_phrase_is_a_name(text: str, cuis: tuple[str, ...], phrases: list[str]) -> None:
    wider, found = with_phrases(VOCABULARY, [text], embed, least=0.7)
    assert sorted(phrase.text for phrase in found) == phrases
    assert all(phrase.likeness == pytest.approx(1) for phrase in found)
    assert wider.find(text) == cuis
    assert wider.name(LUNG) == "Lung"


def test_the_least_likeness_decides() -> None:
    text = ["cardiac shadow pulmonary"]
    assert with_phrases(VOCABULARY, text, embed, least=1.01)[1] == []
    texts = {phrase.text for phrase in with_phrases(VOCABULARY, text, embed, least=0.5)[1]}
    assert texts == {"cardiac", "pulmonary"}  # not "cardiac shadow", of .71, that shares a word with a liker one


def test_phrases_end_at_names_and_at_what_denies_and_begin_with_no_little_word() -> None:
    asked: list[str] = []

    def listening(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return embed(texts)

    with_phrases(VOCABULARY, ["The dark heart, with bright spots not on the rim 12 mm"], listening, least=0.7)
    assert set(asked) - {"Lung", "Heart", "effusion"} == {"dark", "bright", "bright spots", "spots", "rim"}


def test_whole_entries_of_a_list_that_deny_nothing_are_read() -> None:
    entries = ["pulmonary", "no cardiac", "unicorn", "cardiac is absent"]
    wider, found = with_entries(VOCABULARY, entries, embed, least=0.7)
    assert [phrase.text for phrase in found] == ["pulmonary"]
    assert wider.answer("; ".join(entries)) == ((LUNG,), ("no cardiac", "unicorn", "cardiac is absent"))


def test_a_vocabulary_without_names_has_none_alike() -> None:
    assert with_phrases(Vocabulary({LUNG: ()}), ["pulmonary"], embed, least=0.1)[1] == []


def test_memory_is_bounded_however_many_names_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ["cardiac shadow pulmonary"]
    usual = with_phrases(VOCABULARY, text, embed, least=0.5)[1]
    sizes: list[int] = []

    def counted(texts: Sequence[str]) -> np.ndarray:
        sizes.append(len(texts))
        return embed(texts)

    monkeypatch.setattr("runners.concepts.likeness._CELLS", 1)
    assert with_phrases(VOCABULARY, text, counted, least=0.5)[1] == usual
    assert len(sizes) > 2 and set(sizes[1:]) == {1}  # the names, then a phrase at a time
