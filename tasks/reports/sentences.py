"""The sentences of a report as the labeler reads them: lower case, one blank between words, "n't" and slips mended.

sentences("Can't see a pnuemothorax.  Atelectasis and/or\\nconsolidation.")
# ["cannot see a pneumothorax", "atelectasis or consolidation"]
"""

from __future__ import annotations

import re
from functools import cache

from tasks.reports.phrases import phrases

_END = re.compile(r"(?<=[.!?])\s+|(?<=[a-z])\.(?=[a-z])|;|\n\s*(?=\n|[-*•]|\d+[.)])")
"""A sentence ends at its mark, at a semicolon, and before an empty line or an item of a list; a line break is none."""
_SHORTEST = 8
"""Letters of a word that is looked up; shorter ones are too near to others."""


def sentences(text: str) -> list[str]:
    """The sentences in their order, without the marks at their ends."""
    plain = text.lower().replace("and/or", "or").replace("oedema", "edema").replace("vs.", "vs")
    plain = re.sub(r"n['’]t\b", " not", re.sub(r"\bcan['’]t\b", "cannot", plain))
    plain = re.sub(r"(?<=[a-z])/(?=[a-z])", " or ", plain)
    found = (re.sub(r"[a-z]+", lambda word: _mended(word[0]), part) for part in _END.split(plain))
    return [sentence for part in found if (sentence := " ".join(part.split()).strip(" .!?"))]


@cache
def _mended(word: str) -> str:
    """The word of `spellings` that `word` is but for one letter, two that changed places, or a doubled one."""
    from rapidfuzz.distance import OSA

    known = phrases()
    if len(word) < _SHORTEST or word in known.no_misspellings or any(p.words.match(word) for p in known.mentions):
        return word
    single = _single(word)
    for right in known.spellings:
        if right[0] == word[0] and OSA.distance(single, _single(right), score_cutoff=1) <= 1:
            return right
    return word


def _single(word: str) -> str:
    return re.sub(r"(.)\1", r"\1", word)
