"""The four ways a text becomes words before it is scored; each has a name that the signature carries.

* `imageclef`: lower-case, runs of digits to "number", ASCII punctuation deleted, in this order, as the
  organisers' caption evaluators do since 2023 (github.com/taubsity/clef-caption-evaluation-2026); words are
  split at blanks.
* `ptb`: the Penn Treebank tokenizer of Stanford CoreNLP 3.4.1 in the jar that pycocoevalcap installs,
  lower-cased, punctuation tokens dropped: what COCO caption scores mean. Needs Java.
* `ptb-approx`: our port of it (`evaluation.metrics.ptb`) where there is no Java: the same words for at least 99.5 % of
  captions.
* `r2gen`: the report cleaning of R2Gen for MIMIC-CXR (Chen et al., 2020; github.com/cuhksz-nlp/R2Gen), which most
  published scores assume. That for IU X-ray makes the same of texts without line breaks and double blanks. R2Gen also
  cuts references after 59 words (MIMIC-CXR: 99) and writes <unk> for those that are rare in its training reports. That
  is not done here: what is cut is never scored, and the rare words are another set for every training set.
  `evaluation/README.md` says what it changes.

    imageclef("T2-weighted, 3.5 cm.")         # "tnumberweighted numbernumber cm"
    ptb(["T2-weighted, 3.5 cm."])             # (["t2-weighted 3.5 cm"], "ptb")
    r2gen("1. Clear lungs. 2. No effusion.")  # "clear lungs . no effusion ."
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from evaluation.metrics.jars import Unavailable, file_of, java, run
from evaluation.metrics.ptb import ptb_words

PUNCTUATION = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])
"""Tokens dropped after `ptb`. Brackets stay: COCO's own list has them in upper case, the tokenizer writes lower."""

SECONDS = 600
"""Longest time the tokenizer may take; 160,000 captions take half a minute."""

_DIGITS = re.compile(r"\d+")
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]+")
_LOWER_AND_ZERO = bytes(ord("0") if chr(i).isdecimal() else ord(chr(i).lower()) if i < 128 else i for i in range(256))
"""What becomes of each ASCII character: a digit is 0."""
_R2GEN_PUNCTUATION = re.compile(r"[\"'/\\.,?;*!%^&_+():<=>@\[\]{}]")


def preprocessed(text: str) -> str:
    """The official preprocessing; blanks stay as they are, which a model's own tokenizer may see."""
    if not text.isascii():
        return _PUNCTUATION.sub("", _DIGITS.sub("number", text.lower()))
    raw = text.encode("ascii").translate(_LOWER_AND_ZERO)  # the same on bytes, several times as fast
    while b"00" in raw:
        raw = raw.replace(b"00", b"0")
    return raw.replace(b"0", b"number").translate(None, string.punctuation.encode("ascii")).decode("ascii")


def imageclef(text: str) -> str:
    """The official preprocessing, with single blanks between words."""
    return " ".join(preprocessed(text).split())


def r2gen(report: str) -> str:
    """R2Gen's report cleaning: list numbers and punctuation go, sentences are joined by a full stop."""
    text = re.sub(r"\.{2,}", ".", re.sub(r"\s+", " ", report)).replace("1. ", "")
    for before in (". ", " "):
        for number in "2345":
            text = text.replace(f"{before}{number}. ", ". ")
    sentences = text.strip().lower().split(". ")
    cleaned = [_R2GEN_PUNCTUATION.sub("", sentence).strip() for sentence in sentences]
    return " ".join(" . ".join([*cleaned, ""]).split())


def ptb(texts: Sequence[str]) -> tuple[list[str], str]:
    """The tokens of each text, joined by blanks, and the name of the tokenizer that made them.

    Candidates and references are two calls, as in COCO's evaluation: the end of a text is read with the next one.
    """
    lines = [" ".join(text.splitlines()) for text in texts]  # a line break would shift every later text
    tokens = _java(lines)
    if tokens is None:
        return _port(lines), "ptb-approx"
    return [" ".join(token for token in line.split(" ") if token not in PUNCTUATION) for line in tokens], "ptb"


def _port(lines: Sequence[str]) -> list[str]:
    """The same by our port, from the last to the first, as a text is read with the word that follows it."""
    found, after = [], ""
    for line in reversed(lines):
        found.append(" ".join(ptb_words(line, after)))
        after = next(iter(line.split(maxsplit=1)), after)
    return found[::-1]


def _java(lines: Sequence[str]) -> list[str] | None:
    """One line of tokens per line; None where Java or the jar is missing or did not do its work."""
    text = "".join(f"{line}\n" for line in lines)
    try:
        jar = file_of("tokenizer", "stanford-corenlp-3.4.1.jar")
        command = [java(), "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"]
        done = run(command, what="the tokenizer", text=text, seconds=SECONDS)
        tokens = [line.rstrip() for line in done.stdout.decode().split("\n")]
    except (Unavailable, UnicodeError):
        return None
    return tokens[:-1] if done.returncode == 0 and len(tokens) == len(lines) + 1 else None
