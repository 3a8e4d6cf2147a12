"""The profile `r2gen` against pycocoevalcap's scorers on texts cleaned as R2Gen's two cleaners do, written anew here.

R2Gen (Chen et al., 2020; github.com/cuhksz-nlp/R2Gen, modules/tokenizers.py and modules/metrics.py) hands its words to
the scorers without the PTB tokenizer. Its `compute_scores` has BLEU, METEOR and ROUGE-L; papers after it add CIDEr.
"""

from __future__ import annotations

import csv
import random
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.inputs.references import References
from evaluation.metrics import tokens
from evaluation.score import score_predictions
from tasks.editions import load_edition
from tasks.nouns import Report, Task, Value

IU_XRAY = Path(__file__).parents[3] / "shared" / "data" / "iu_xray" / "indiana_reports.csv"
REPORTS = load_edition(2026, Task.REPORTS)

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="METEOR needs Java")


def for_iu_xray(report: str) -> str:
    """`clean_report_iu_xray`."""
    return _sentences(_without_numbers(_fewer(report, "..", times=3)))


def for_mimic_cxr(report: str) -> str:
    """`clean_report_mimic_cxr`."""
    report = _fewer(report.replace("\n", " "), "__", times=7)
    return _sentences(_without_numbers(_fewer(_fewer(report, "  ", times=6), "..", times=8)))


def _fewer(text: str, double: str, *, times: int) -> str:
    for _ in range(times):
        text = text.replace(double, double[0])
    return text


def _without_numbers(text: str) -> str:
    text = text.replace("1. ", "")
    for start in (". ", " "):
        for digit in range(2, 6):
            text = text.replace(f"{start}{digit}. ", ". ")
    return text


def _sentences(text: str) -> str:
    """R2Gen's class of characters runs from `:` to `[`, so that it holds `;<=>?@` and all capitals."""
    found = []
    for sentence in text.strip().lower().split(". "):
        bare = "".join(sign for sign in sentence if sign not in "\"/\\'").strip()
        found.append(re.sub(r"[.,?;*!%^&_+():-\[\]{}]", "", bare))
    return " ".join((" . ".join(found) + " .").split())


PIECES = [
    "Clear",
    "lungs",
    ".",
    "..",
    " ",
    " ",
    " ",
    "1. ",
    "2. ",
    "5. ",
    "6. ",
    "3.5",
    "<T2>",
    "_",
    "__",
    "a-b",
    "/",
    "'",
]
SPACED = st.lists(st.sampled_from([*PIECES, "  ", "\n", ".....", "____", "#~$"]), max_size=25).map("".join)
SINGLE = st.lists(st.sampled_from(PIECES), max_size=25).map("".join).map(lambda text: re.sub(" +", " ", text))


@settings(max_examples=500, deadline=None)
@given(SPACED)
def test_the_cleaning_is_that_for_mimic_cxr(report: str) -> None:
    assert tokens.r2gen(report) == for_mimic_cxr(report)


@settings(max_examples=500, deadline=None)
@given(SINGLE)
def test_it_is_that_for_iu_xray_where_blanks_are_single(report: str) -> None:
    assert tokens.r2gen(report) == for_iu_xray(re.sub(r"\.{2,}", ".", report))


def synthetic(n: int) -> list[str]:
    chance = random.Random(0)
    words = re.split(" ", "the lungs are clear heart size normal no effusion 3-4 mm nodule (left), right; stable XXXX")
    sentences = [[" ".join(chance.choices(words, k=chance.randrange(2, 9))) for _ in range(4)] for _ in range(n)]
    return [" ".join(f"{k}. {one.capitalize()}." for k, one in enumerate(report, start=1)) for report in sentences]


def check(
    predictions: Sequence[str], references: Sequence[str], clean: Callable[[str], str], *, meteor: bool
) -> dict[str, float]:
    """The profile's scores, which are those of pycocoevalcap on the cleaned texts; METEOR's program starts slowly."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge

    ours = {i: [clean(text)] for i, text in enumerate(predictions)}
    theirs = {i: [clean(text)] for i, text in enumerate(references)}
    expected = dict(zip(("bleu1", "bleu2", "bleu3", "bleu4"), Bleu(4).compute_score(theirs, ours, 0)[0], strict=True))
    scorers = {"rougeL": Rouge(), "cider": Cider(), **({"meteor": Meteor()} if meteor else {})}
    for name, scorer in scorers.items():
        expected[name] = scorer.compute_score(theirs, ours)[0]
    answers: dict[str, Value] = {str(i): Report(text, "") for i, text in enumerate(predictions)}
    gold: dict[str, Value] = {str(i): Report(text, "") for i, text in enumerate(references)}
    options = {"task": Task.REPORTS, "edition": REPORTS, "profile": "r2gen", "resamples": 10}
    found = score_predictions(answers, References(gold), metrics=() if meteor else list(expected), **options)
    values = {name: score.value for name, score in found.scores.items()}
    assert values.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=0, atol=1e-9, err_msg=name)
    return values


@needs_java
def test_the_profile_is_pycocoevalcap_on_cleaned_texts() -> None:
    texts = synthetic(60)
    values = check([*texts[40:], *texts[20:40]], texts[:40], for_mimic_cxr, meteor=True)
    assert 0.1 < values["bleu4"] < 0.9


@pytest.mark.skipif(not IU_XRAY.exists(), reason="the reports of ../shared/data/iu_xray are not here")
def test_the_profile_on_real_reports() -> None:
    """Each study is answered by the findings of the one before; R2Gen's IU X-ray reports are the findings alone."""
    with IU_XRAY.open(encoding="utf-8", newline="") as file:
        findings = [row["findings"] for row in csv.DictReader(file) if row["findings"].strip()]
    assert [for_iu_xray(text) for text in findings] == [for_mimic_cxr(text) for text in findings]
    values = check([findings[-1], *findings[:-1]], findings, for_iu_xray, meteor=False)
    assert 0.05 < values["bleu4"] < 0.1
