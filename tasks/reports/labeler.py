"""Text -> CheXpert's fourteen labels, by rules in the manner of its labeler (Irvin et al., AAAI 2019).

Three steps: the phrases of `phrases.yaml` that a sentence mentions; whether it affirms, denies or doubts each of them
(`tasks.reports.assertion`); of all mentions of a label the strongest, 1 before -1 before 0, None without one.
"No Finding" is 1 when nothing but a support device is present or uncertain, else None; heart failure makes
cardiomegaly uncertain; a heart or mediastinum that is only "stable" is uncertain; so are both of "A or B". Clear lungs,
sharp angles and intact bones are no mention, as what they exclude is not named:

    label_text("No effusion. Edema may be present.")    # {"Edema": -1, "Pleural Effusion": 0, "Fracture": None, ...}

It differs from the original in this: findings and impression are both read (the original takes the impression, which
says little of what is absent); an empty text has no label at all; fibrosis is a label in the pleura only, plaques there
are Pleural Other; misspellings are mended; cues have the reach of NegEx, no parser is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.metadata import version

from tasks.nouns import Report
from tasks.reports.labels import LABELS
from tasks.reports.mentions import Mention, mentions
from tasks.reports.phrases import OTHER
from tasks.reports.sentences import sentences

NAME = f"rules:2 negspacy:{version('negspacy')} spacy:{version('spacy')}"
"""The labeler in the signature of a score; its number is raised whenever a rule or phrase changes."""
_STRENGTH: tuple[int | None, ...] = (None, 0, -1, 1)
"""Of several mentions the last of these is the label."""
_RIVALS = re.compile(r" ?(?:\w+ ){0,3}(?:or|versus|vs)(?: \w+){0,3} ?")
"""What stands between two mentions of which one may be true."""
_NO_RIVALS = {OTHER, "Support Devices"}
_MOST_SENTENCES = 1 << 17
"""Sentences kept in memory, some 60 MB when all of them differ."""


def label_text(text: str) -> dict[str, int | None]:
    """The fourteen labels of a text: 1 present, 0 absent, -1 uncertain, None not mentioned."""
    return _labels(sentences(text))


def label_report(report: Report) -> dict[str, int | None]:
    """The fourteen labels of findings and impression together; labels that the report brings are not looked at."""
    return _labels([*sentences(report.findings), *sentences(report.impression)])


def labels_of(reports: Iterable[Report]) -> list[dict[str, int | None]]:
    """The labels of many reports; a sentence that several share is read once."""
    return [label_report(report) for report in reports]


def _labels(said: Sequence[str]) -> dict[str, int | None]:
    found: dict[str, int | None] = dict.fromkeys((*LABELS, OTHER))
    for sentence in said:
        for label, value in _said(sentence):
            found[label] = max(value, found[label], key=_STRENGTH.index)
    normal = not any(found[label] in {1, -1} for label in found if label != "Support Devices")
    found["No Finding"] = 1 if said and normal else None
    del found[OTHER]
    return found


@lru_cache(maxsize=_MOST_SENTENCES)
def _said(sentence: str) -> tuple[tuple[str, int], ...]:
    """Label and value of each mention in a sentence."""
    from tasks.reports.assertion import asserted

    mentioned = mentions(sentence)
    outcomes = asserted(sentence, [(mention.start, mention.end) for mention in mentioned])
    found = []
    for n, (mention, outcome) in enumerate(zip(mentioned, outcomes, strict=True)):
        value = mention.value if mention.settled or outcome == 1 else outcome
        if value == 1 and _has_rival(sentence, mentioned, n):
            value = -1
        found.append((mention.label, value))
        if mention.heart and value:
            found.append(("Cardiomegaly", -1))
    return tuple(found)


def _has_rival(sentence: str, mentioned: Sequence[Mention], n: int) -> bool:
    """Whether "or" or "versus" joins mention `n` to one beside it of another label."""
    this = mentioned[n]
    if this.label in _NO_RIVALS:
        return False
    return any(
        other.label not in {this.label, *_NO_RIVALS}
        and _RIVALS.fullmatch(sentence, min(this.end, other.end), max(this.start, other.start)) is not None
        for other in mentioned[max(0, n - 1) : n + 2]
    )
