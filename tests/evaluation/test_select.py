"""Which file's caption an image gets; consensus against the rouge-score package on the organisers' words."""

from __future__ import annotations

import re
import string
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.measure.texts import measure_texts
from evaluation.select import agreement, captions, choose, rouge1_profile
from tasks.check import check_file
from tasks.editions import load_edition
from tasks.nouns import InputError, Task, Value
from tasks.submission import write_submission

EDITION = load_edition(2026, Task.CAPTIONS)
PROFILE = rouge1_profile(EDITION)
A = ["A chest CT scan.", "Short.", "", "one two"]
B = ["Axial CT of the chest, with a mass.", "A longer one here", "Only this.", "three four"]
C = ["A chest CT, axial scan.", "A longer one", "", "five six"]


def run_select(*arguments: object) -> Result:
    return CliRunner().invoke(captions, ["select", *(str(argument) for argument in arguments)])


@pytest.mark.parametrize(
    ("by", "chosen"),
    [("longest", [1, 1, 1, 0]), ("shortest", [0, 0, 1, 0]), ("consensus", [2, 1, 1, 0])],
)
def test_each_rule_with_its_ties(by: str, chosen: list[int]) -> None:
    assert choose([A, B, C], by=by, profile=PROFILE) == chosen


def official_words(text: str) -> str:
    return re.sub(r"\d+", "number", text.lower()).translate(str.maketrans("", "", string.punctuation))


@given(st.lists(st.lists(st.text("abc 1,.", max_size=12), min_size=3, max_size=3), min_size=3, max_size=5))
@settings(max_examples=40, deadline=None)
def test_agreement_is_the_mean_rouge_of_the_package(systems: list[list[str]]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1"], use_stemmer=False)

    def rouge(one: str, other: str) -> float:
        if not one and not other:
            return 1.0  # as the organisers' evaluator has it
        return float(scorer.score(official_words(one), official_words(other))["rouge1"].fmeasure)

    expected = [
        [np.mean([rouge(texts[k], others[k]) for m, others in enumerate(systems) if m != n]) for k in range(len(texts))]
        for n, texts in enumerate(systems)
    ]
    found = agreement(systems, profile=PROFILE)
    assert np.allclose(found, expected, atol=1e-12)
    chosen = choose(systems, by="consensus", profile=PROFILE)
    for k, n in enumerate(chosen):
        worth = [expected[m][k] if texts[k].strip() else -1.0 for m, texts in enumerate(systems)]
        assert worth[n] >= max(worth) - 1e-9
        assert all(worth[m] < max(worth) - 1e-12 for m in range(n))


@pytest.mark.parametrize("year", [2018, 2022, 2023, 2024, 2025, 2026])
def test_agreement_is_the_score_of_each_pair(year: int) -> None:
    profile = rouge1_profile(load_edition(year, Task.CAPTIONS))
    systems = [[*texts, " ", "!", "the"] for texts in (A, B, C, A[::-1])]
    scores = [measure_texts(systems, texts, profile=profile) for texts in systems]
    for n, found in enumerate(agreement(systems, profile=profile)):
        pairs = [scores[m][n]["rouge1"].statistics.per_image for m in range(len(systems)) if m != n]
        assert np.allclose(found, np.mean(pairs, axis=0), atol=1e-12)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for n, texts in enumerate((A, B, C)):
        rows: list[tuple[str, Value]] = [(f"image_{k}", text) for k, text in enumerate(texts)]
        # the first file's order of the rows is kept
        paths.append(write_submission(tmp_path / str(n), edition=EDITION, rows=rows if n == 0 else rows[::-1]))
    return paths


def test_the_file_that_is_written(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "best.csv"
    result = run_select(*files, "--by", "consensus", "--out", out)
    assert result.exit_code == 0, result.output
    assert out.read_text(encoding="utf-8") == (
        'ID,Caption\nimage_0,"A chest CT, axial scan."\nimage_1,A longer one here\n'
        "image_2,Only this.\nimage_3,one two\n"
    )
    assert check_file(out.with_suffix(".zip"), edition=EDITION, ids=[f"image_{k}" for k in range(4)]).accepted
    counts = [line.split()[0] for line in result.stderr.splitlines() if " captions of " in line]
    assert counts == ["1", "2", "1"]
    again = run_select(*files, "--by", "longest", "--out", out)
    assert isinstance(again.exception, InputError) and "exists" in str(again.exception)
    assert run_select(*files, "--by", "longest", "--out", out, "--force").exit_code == 0
    assert "with a mass" in out.read_text(encoding="utf-8")
    before = files[1].read_bytes()
    own = run_select(*files, "--by", "longest", "--out", files[1], "--force")
    assert isinstance(own.exception, InputError) and "is what was read" in str(own.exception)
    assert files[1].read_bytes() == before


def test_unusable_arguments(files: list[Path], tmp_path: Path) -> None:
    other = write_submission(tmp_path / "other", edition=EDITION, rows=[("image_9", "x")])
    out = tmp_path / "out.csv"
    for arguments, message in (
        ((*files[:2], "--by", "consensus"), "2 files are too few"),
        ((files[0], "--by", "longest"), "1 files are too few"),
        ((files[0], other, "--by", "longest"), "image_0 stands in"),
    ):
        result = run_select(*arguments, "--out", out)
        assert isinstance(result.exception, InputError) and message in str(result.exception)
    assert not out.exists()


@pytest.mark.parametrize("year", [2018, 2022, 2023, 2026])
def test_every_year_with_captions_has_a_rouge(year: int) -> None:
    profile = rouge1_profile(load_edition(year, Task.CAPTIONS))
    assert choose([["a scan"], ["a chest scan"], ["a chest"]], by="consensus", profile=profile) == [1]
