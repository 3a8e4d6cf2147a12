"""How texts become words: the official preprocessing, PTB with and without Java, R2Gen's cleaning."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from evaluation import tokens

ROCO = Path(__file__).parents[3] / "shared" / "data" / "roco" / "captions.csv"
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="the PTB tokenizer needs Java")

CAPTIONS = [
    "A CT of the chest (arrow), 3.5 cm; T2-weighted.",
    "",
    "Two\nlines\rof\x0btext\u2028here\u2029now\x85end",
    "Café – 50 % of µm “quoted” patient’s",
    "last",
    "",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T2-weighted, 3.5-cm mass.", "tnumberweighted numbernumbercm mass"),
        ("Contrast-Enhanced  CT\n(a)", "contrastenhanced ct a"),
        ("“left” – right", "“left” – right"),
        ("", ""),
    ],
)
def test_imageclef(text: str, expected: str) -> None:
    assert tokens.imageclef(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. Clear lungs. 2. No effusion.", "clear lungs . no effusion ."),
        (
            "Heart size normal...  No PNEUMOTHORAX, or/and effusion (L).",
            "heart size normal . no pneumothorax orand effusion l .",
        ),
        ("The 3-4 mm nodule; stable.\nNo change", "the 3-4 mm nodule stable . no change ."),
        ("", "."),
    ],
)
def test_r2gen(text: str, expected: str) -> None:
    assert tokens.r2gen(text) == expected


@needs_java
def test_ptb_equals_pycocoevalcap() -> None:
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    one_line = {str(i): [{"caption": " ".join(text.splitlines())}] for i, text in enumerate([*CAPTIONS, "end"])}
    expected = PTBTokenizer().tokenize(one_line)
    assert tokens.ptb(CAPTIONS) == ([expected[str(i)][0] for i in range(len(CAPTIONS))], "ptb")


@needs_java
def test_a_line_break_shifts_no_other_text() -> None:
    words, _ = tokens.ptb(["one\u2028two", "three\rfour", "five"])
    assert words == ["one two", "three four", "five"]


def test_without_java_the_approximation_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    words, name = tokens.ptb(CAPTIONS)
    assert name == "ptb-approx"
    assert words[0] == "a ct of the chest -lrb- arrow -rrb- 3.5 cm t2-weighted"
    assert len(words) == len(CAPTIONS)


def test_a_tokenizer_that_fails_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/bin/false")
    assert tokens.ptb(["a"]) == (["a"], "ptb-approx")
    monkeypatch.setattr(shutil, "which", lambda _: "/bin/true")  # ends well, writes nothing
    assert tokens.ptb(["a"]) == (["a"], "ptb-approx")


@needs_java
@pytest.mark.skipif(not ROCO.exists(), reason="the real captions of ../shared/data/roco are not here")
def test_the_approximation_is_close_on_real_captions() -> None:
    with ROCO.open(encoding="utf-8", newline="") as file:
        captions = [row[1] for row in csv.reader(file)][1:]
    exact, name = tokens.ptb(captions)
    same = sum(" ".join(tokens.ptb_approx(text)) == words for text, words in zip(captions, exact, strict=True))
    assert name == "ptb"
    assert same / len(captions) > 0.98
