"""Steps on the sentences of an answer: a repeated one is said once, an unfinished last one is cut or closed.

    dedupe_sentences("No effusion. The heart is large. No effusion.")       # "No effusion. The heart is large."
    finish_sentence("No effusion. The heart is enlarged with")              # "No effusion."
    finish_sentence("CT of the chest showing a")                            # "CT of the chest."

Both keep to one section of a report: an impression may say what the findings said. A JSON object and the labels after a
report are no sentences, and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.check_texts import ENDS, open_end
from tasks.reports.text import HEADING, is_labels

_END = re.compile(r"""[.!?…。]+["'”’»)\]]*\s+(?=\S)""")
_WORD = re.compile(r"[\w.]*$")
_ABBREVIATIONS = frozenset(
    {"fig", "figs", "dr", "mr", "mrs", "prof", "st", "vs", "approx", "ca", "cf", "e.g", "i.e", "resp"}
)
_JSON = ("{", "```")


def dedupe_sentences(text: str) -> str:
    """The text with each sentence of a section said once, at its first place."""
    if text.lstrip().startswith(_JSON):
        return text
    parts = [(heading, body if is_labels(heading) else "".join(_once(body))) for heading, body in _sections(text)]
    return "".join(heading + body for heading, body in parts)


def finish_sentence(text: str) -> str:
    """The text without its last sentence when that has no end and others stand before it in its section.

    A lone one is closed: words that lead on (`showing a`) go, and a full stop comes. For answers cut by max_new_tokens:
    of 2,000 captions of ROCOv2, which people finished, 88 lack the last full stop and would lose a sentence.
    """
    heading, last = _sections(text)[-1]
    body = last.rstrip()
    if not re.search(r"\w", body) or body[-1] in ENDS or is_labels(heading) or text.lstrip().startswith(_JSON):
        return text
    pieces = list(_pieces(body))
    body = "".join(pieces[:-1]).rstrip() if len(pieces) > 1 else _closed(body)
    return text[: len(text) - len(last)] + body


def _closed(text: str) -> str:
    short = text
    while end := open_end(short):
        short = short.rstrip().removesuffix(end)
    short = short.rstrip(" \t\r\n,;:")
    if not re.search(r"\w", short):
        return text
    return short if short[-1] in ENDS else f"{short}."


def _once(text: str) -> Iterator[str]:
    """The pieces of a section without those said before; a dropped one's gap takes the place of the gap before it."""
    seen: set[str] = set()
    kept: list[tuple[str, str]] = []
    for piece in _pieces(text):
        sentence = piece.rstrip()
        gap = piece[len(sentence) :]
        said = " ".join(sentence.casefold().strip(" \t\r\n-*•.!?;:…").split())
        if said in seen:
            kept[-1] = (kept[-1][0], gap)
        else:
            kept.append((sentence, gap))
        if said:
            seen.add(said)
    for sentence, gap in kept:
        yield sentence + gap


def _sections(text: str) -> list[tuple[str, str]]:
    """Headings of a report, each with what stands under it; the first heading is empty. Together they are the text."""
    spans = [(0, 0), *(heading.span() for heading in HEADING.finditer(text))]
    ends = [*(start for start, _ in spans[1:]), len(text)]
    return [(text[start:body], text[body:end]) for (start, body), end in zip(spans, ends, strict=True)]


def _pieces(text: str) -> Iterator[str]:
    """The sentences, each with the white space behind it; together they are the text.

    A sentence ends where a capital letter, a digit or a bracket follows, or any letter in a text without capitals, but
    not behind an abbreviation or the number of a list's item.
    """
    start = 0
    capitals = text != text.lower()
    for end in _END.finditer(text):
        after = text[end.end()]
        word = _WORD.search(text, start, end.start())
        before = word[0].strip(".").lower() if word else ""
        numbered = before.isdigit() and word is not None and not text[start : word.start()].strip()
        if (after.islower() and capitals) or before in _ABBREVIATIONS or numbered:
            continue
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]
