"""What de-identification left in a report: XXXX in IU X-ray, ___ in MIMIC-CXR; counted, or taken out.

A model trained on such words writes them, and is scored for it. Taken out is the whole word that holds a mask, as half
a word says nothing, and a sentence that is left without a word; blanks and punctuation close the gap. What remains may
be broken English ("compared to."), so scores are comparable only where both sides were treated alike.

    masks_in("XXXX-year-old. No XXXX of effusion.")           # 2
    without_masks("XXXX-year-old. No XXXX of effusion.")      # "No of effusion."
"""

from __future__ import annotations

import re

MASK = re.compile(r"X{4,}|_{3,}")
_WORD = re.compile(rf"[^\s.,;:!?()\[\]<>\"]*(?:{MASK.pattern})[^\s.,;:!?()\[\]<>\"]*")
"""A mask with what is joined to it: X-XXXX, XXXX/XXXX, XXXX-year-old."""
_SENTENCES = re.compile(r"(?<=[.!?])(?<![\s.]\d\.)(?<![\s.]\d\d\.)(?=\s|[A-Z_])")
"""Where one ends, with or without a blank; the number of a list item belongs to the sentence after it."""
_REPAIRS = (
    (re.compile(r"\(\s*\)|\[\s*\]|<\s*>"), " "),
    (re.compile(r"([(\[<])\s+"), r"\1"),
    (re.compile(r"[\s,;:]+(?=[.!?])|\s+(?=[,;:)\]>])"), ""),
    (re.compile(r"([,;:])(?:\s*[,;:])+"), r"\1"),
    (re.compile(r"^(\s*)[,;:]+"), r"\1"),
)
"""Empty brackets; blanks inside brackets; blanks and commas before a mark; commas in a row, or in front."""
_BLANKS = re.compile(r"[^\S\n]+(?=\n|[^\S\n])")
"""Blanks before another or before the end of a line."""


def masks_in(text: str) -> int:
    """How many masks the text holds."""
    return len(MASK.findall(text))


def without_masks(text: str) -> str:
    """The text without masks; as it was where it has none, empty where nothing else is left."""
    if not MASK.search(text):
        return text
    return _BLANKS.sub("", "".join(map(_unmasked, _SENTENCES.split(f" {text}")))).strip()


def _unmasked(sentence: str) -> str:
    """A sentence without masks, with the blank before it; a blank alone when no word is left of one that had masks."""
    if not MASK.search(sentence):
        return sentence
    rest = _WORD.sub(" ", sentence)
    if not re.search(r"[^\W\d_]", rest):
        return " "
    for pattern, mended in _REPAIRS:
        rest = pattern.sub(mended, rest)
    return rest
