"""Whether a sentence affirms, denies or doubts what it mentions: negspacy's NegEx with the cues of `phrases.yaml`.

The same algorithm (Chapman et al., Journal of Biomedical Informatics 34, 2001; negspacy, MIT) takes the cues that deny
and those that doubt; a denial goes before a doubt, as in the CheXpert labeler, whose exceptions ("cannot be excluded")
are pseudo-negations here. Cues that stand behind what they speak of have passes of their own, as they reach back over a
comma in a list alone ("A, B or C is not seen"). The pipeline is a blank spaCy one: no model is loaded.

    asserted("no effusion, but possible edema", [(3, 11), (26, 31)])        # [0, -1]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from tasks.reports.phrases import Cues, phrases

if TYPE_CHECKING:
    from negspacy.negation import Negex
    from spacy.language import Language

SPANS = "mentions"
DENIED, DOUBTED = "imageclef_denied", "imageclef_doubted"
"""The extension attributes of a span that tell the outcome."""
_VERB = r"\b(?:is|are|was|were|has|have|not|no)\b"
_LIMIT = re.compile(rf",(?!(?:(?!{_VERB}).){{0,200}}?\b(?:and|or)\b)")
"""A comma that parts two statements: none with an "and" or "or" before the next verb, which joins a list."""


def asserted(sentence: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """1 affirmed, 0 denied, -1 doubted for each (start, end) in the characters of one sentence in lower case."""
    if not spans:
        return []
    blank, before, behind = _pipeline()
    doc = blank(sentence)
    # A part of a word (of "tubes,") is taken for the word, so that every mention has a span.
    found = [span for at in spans if (span := doc.char_span(*at, alignment_mode="expand")) is not None]
    doc.spans[SPANS] = found
    limits = {comma.end() for comma in _LIMIT.finditer(sentence)}
    for passes, ends in ((before, set()), (behind, limits)):
        for word in doc:
            word.is_sent_start = word.i == 0 or doc[word.i - 1].idx + 1 in ends
        for negex in passes:
            negex(doc)
    return [0 if span._.get(DENIED) else -1 if span._.get(DOUBTED) else 1 for span in found]


@cache
def _pipeline() -> tuple[Language, tuple[Negex, ...], tuple[Negex, ...]]:
    """The tokenizer, and what takes the cues before and behind."""
    import spacy

    blank = spacy.blank("en")
    kinds = {DENIED: phrases().denied, DOUBTED: phrases().doubted}
    before = tuple(_negex(blank, name, replace(cues, after=())) for name, cues in kinds.items())
    behind = tuple(_negex(blank, name, replace(cues, before=())) for name, cues in kinds.items())
    return blank, before, behind


def _negex(blank: Language, name: str, cues: Cues) -> Negex:
    from negspacy.negation import Negex

    terms = {
        "preceding_negations": list(cues.before),
        "following_negations": list(cues.after),
        "pseudo_negations": list(cues.neither),
        "termination": list(cues.ends),
    }
    return Negex(blank, name, neg_termset=terms, extension_name=name, span_keys=[SPANS])
