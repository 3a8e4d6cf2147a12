"""Texts: the nearest one or the consensus, by the ROUGE-1 that the official profile computes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.measure.texts import measure_texts
from evaluation.profiles import profile_of
from evaluation.select import choose, rouge1_profile
from runners.retrieval.config import Retrieval
from runners.retrieval.texts import Words, captions_of, chosen, consensus, reports_of
from tasks.editions import load_edition
from tasks.nouns import InputError, Report, Task
from tests.runners.retrieval.making import found

EDITION = load_edition(2026, Task.CAPTIONS)
WORDS = [
    "chest",
    "CT",
    "ct.",
    "T2-weighted",
    "3.5",
    "²cm",
    "12,5",
    "naïve",
    "İ",
    "the",
    "_a_",
    "\n",
    "(arrow)",
    "١٢",
    "½",
]
TEXT = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join) | st.text(max_size=12)
NEAREST, CONSENSUS = Retrieval(texts="nearest"), Retrieval(texts="consensus")


@given(texts=st.lists(TEXT, min_size=2, max_size=8))
@settings(deadline=None)
def test_rouge1_is_the_official_one(texts: list[str]) -> None:
    words = Words(texts)
    kept = np.flatnonzero(words.lengths)
    alike = words.rouge1(kept)
    profile = profile_of("imageclef", task=Task.CAPTIONS, edition=EDITION).only(["rouge1"])
    for n, m in pairwise(range(len(kept))):
        [measured] = measure_texts([[texts[kept[n]]]], [texts[kept[m]]], profile=profile)
        assert alike[n, m] == alike[m, n] == pytest.approx(measured["rouge1"].statistics.value, abs=1e-12)
    assert np.diag(alike) == pytest.approx(1)


@given(texts=st.lists(TEXT, min_size=3, max_size=6))
@settings(deadline=None)
def test_the_consensus_is_that_of_captions_select(texts: list[str]) -> None:
    words = Words(texts)
    kept = np.flatnonzero(words.lengths)
    if len(kept) < 3:
        return
    texts = [texts[n] for n in kept]
    [wanted] = choose([[text] for text in texts], by="consensus", profile=rouge1_profile(EDITION))
    assert chosen(found([list(range(len(texts)))]), texts, config=CONSENSUS).tolist() == [wanted]


def test_the_nearest_and_the_consensus() -> None:
    texts = ["A scan.", "A chest CT scan.", "Chest CT.", ""]
    near = found([[0, 1, 2], [2, 1, 0], [3, 2, -1], [3, -1, -1]])
    assert captions_of(near, texts, config=NEAREST) == ["A scan.", "Chest CT.", "Chest CT.", ""]
    assert captions_of(near, texts, config=CONSENSUS) == ["A chest CT scan."] * 2 + ["Chest CT.", ""]


def test_weights_move_the_consensus() -> None:
    texts = ["axial ct chest", "axial ct", "liver mri", "liver mri axial", "liver mri scan"]
    near = found([list(range(5))], [[0.99, 0.98, 0.1, 0.1, 0.1]])
    assert captions_of(near, texts, config=Retrieval()) == ["liver mri axial"]
    sharp = Retrieval(weighting="similarity", temperature=0.1)
    assert captions_of(near, texts, config=sharp) == ["axial ct"]


def test_the_mean_is_over_the_others() -> None:
    """The heaviest text is not held back by its weight, which the others get and itself cannot."""
    alike = np.array([[1, 0.5, 0.5], [0.5, 1, 0], [0.5, 0, 1]])
    assert consensus(alike[[1, 2, 0]][:, [1, 2, 0]], np.array([1.0, 1, 10])) == 2


def test_ties_go_to_the_nearer() -> None:
    assert consensus(np.ones((3, 3)), np.ones(3)) == 0
    assert captions_of(found([[2, 0]]), ["a b", "x", "a c"], config=CONSENSUS) == ["a c"]
    assert captions_of(found([[1]]), ["a b", "x", "a c"], config=CONSENSUS) == ["x"]


def test_a_report_is_one_neighbours() -> None:
    reports = [
        Report("Clear lungs.", "Normal.", {"Edema": 0}),
        Report("Effusion on the left.", "Effusion."),
        Report("Left effusion.", "Effusion on the left."),
    ]
    near = found([[0, 1, 2]])
    assert reports_of(near, reports, config=NEAREST) == [Report("Clear lungs.", "Normal.")]
    assert reports_of(near, reports, config=CONSENSUS) == [reports[1]]


def test_an_image_without_neighbours_is_refused() -> None:
    with pytest.raises(InputError, match=r"2 images have no neighbour .*row 1 .*retrieval\.duplicates"):
        captions_of(found([[0, 1], [-1, -1], [-1, -1]]), ["a", "b"], config=CONSENSUS)
