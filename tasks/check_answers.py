"""What is doubtful about the answers of a submission that is formally sound: each text, and all of them together.

Together: too few distinct answers (models that collapsed wrote 8% to 54% distinct captions, ROCOv2's 2,000 captions are
99.9% distinct, reports of Indiana University 96%), the same words in front of most texts, texts cut within a word, and
a mean length far from the references'. None of it can be seen in fewer than `FEW` answers.

    check_answers([Answer(2, "..._test_0", ("Chest X-ray showing a",))], findings)
    findings.problems[0].code       # "unfinished"
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, takewhile
from typing import NamedTuple

from tasks.check_texts import doubts
from tasks.language import foreign
from tasks.nouns import Task
from tasks.problems import Findings
from tasks.upload import FIELD_LIMIT

FEW = 20
DISTINCT = {Task.CAPTIONS: 0.8, Task.REPORTS: 0.5, Task.CONCEPTS: 0.0}
"""Share of distinct answers below which a task's submission is said to have collapsed; sets of concepts do recur."""
MOST_FREQUENT = {Task.CAPTIONS: 0.02, Task.REPORTS: 0.25, Task.CONCEPTS: 0.25}
"""Share of the most frequent answer above which it is; in references 0.1%, 1.4% and 0.5%."""
PREFIX_WORDS = 4
PREFIX_SHARE = 0.5
LENGTH_FACTOR = 1.5
_LAST_WORD = re.compile(r"(?:^|\s)([^\W\d_]{2,})\s*\Z")
_FREQUENT = 3
_PLURAL = {"s", "es"}


class Answer(NamedTuple):
    """One row's answer: the cells after the id."""

    line: int
    image_id: str
    cells: Sequence[str]


def check_answers(answers: Sequence[Answer], findings: Findings, *, reference_length: float | None = None) -> None:
    """Add warnings; `reference_length` is the mean number of words or CUIs of a reference."""
    task = findings.edition.task
    already = len(findings.problems)
    kept = [one for one in answers if 0 < sum(map(len, one.cells)) <= FIELD_LIMIT]
    if task is Task.CONCEPTS:
        whole = [";".join(sorted({cui.strip() for cui in one.cells[0].split(";")})) for one in kept]
        separator: str | None = ";"
    else:
        whole = [" ".join(filter(None, one.cells)) for one in kept]
        separator = None
        _check_each(kept, findings)
        _check_language(kept, whole, findings)
        _check_cuts(kept, whole, findings)
        _check_prefix(whole, findings)
    _check_collapse(whole, findings)
    if reference_length and len(kept) >= FEW:
        words = sum(len(text.split(separator)) for text in whole) / len(whole)
        if not 1 / LENGTH_FACTOR <= words / reference_length <= LENGTH_FACTOR:
            what = "CUIs" if task is Task.CONCEPTS else "words"
            findings.add("length", f"{words:.1f} {what} on average, the references have {reference_length:.1f}")
    findings.sort_by_line(already)


def _check_each(answers: Sequence[Answer], findings: Findings) -> None:
    for line, image_id, cells in answers:
        for cell in cells:
            for code, message in doubts(cell):
                findings.add(code, message, line=line, image_id=image_id)


def _check_language(answers: Sequence[Answer], texts: Sequence[str], findings: Findings) -> None:
    """Captions are asked for in English; reports in no language, so there only those unlike the most are told."""
    found = [(answer, name) for answer, text in zip(answers, texts, strict=True) if (name := foreign(text))]
    if findings.edition.task is Task.REPORTS and len(found) > len(answers) / 2:
        return
    for answer, name in found:
        findings.add("language", f"this reads as {name}, not English", line=answer.line, image_id=answer.image_id)


def _check_cuts(answers: Sequence[Answer], texts: Sequence[str], findings: Findings) -> None:
    """Texts whose last word is found nowhere else and begins a frequent one: `showing a pleur`.

    2 of ROCOv2's 2,000 captions are doubted so, and half of those that are cut within a word.
    """
    ends = [(answer, match[1]) for answer, text in zip(answers, texts, strict=True) if (match := _last_word(text))]
    if not ends or len(answers) < FEW:
        return
    counts: Counter[str] = Counter()
    for word, n in Counter(chain.from_iterable(text.lower().split() for text in texts)).items():
        counts[word.strip('.,;:()"')] += n
    frequent = sorted(word for word, n in counts.items() if n >= _FREQUENT)
    for answer, word in ends:
        lower = word.lower()
        if word.isupper() or counts[lower] > 1:
            continue
        later = (frequent[n] for n in range(bisect_right(frequent, lower), len(frequent)))
        begun = takewhile(lambda other, start=lower: other.startswith(start), later)  # type: ignore[misc]
        if longer := next((other for other in begun if other[len(lower) :] not in _PLURAL), None):
            message = f"the text ends with {word!r}, which looks cut off ({longer!r})"
            findings.add("unfinished", message, line=answer.line, image_id=answer.image_id)


def _last_word(text: str) -> re.Match[str] | None:
    return _LAST_WORD.search(text[-40:]) if text[-1:].isalpha() else None


def _check_prefix(texts: Sequence[str], findings: Findings) -> None:
    """The words that most of the distinct texts begin with."""
    distinct = set(texts)
    firsts = Counter(word for text in distinct for word in text.split(None, 1)[:1])
    if max(firsts.values(), default=0) <= PREFIX_SHARE * len(distinct):
        return
    starts = [words for text in distinct if len(words := text.split(None, PREFIX_WORDS)) > PREFIX_WORDS]
    if len(starts) < FEW:
        return
    first, n = Counter(tuple(words[:PREFIX_WORDS]) for words in starts).most_common(1)[0]
    if n > PREFIX_SHARE * len(distinct):
        same = (words for words in starts if tuple(words[:PREFIX_WORDS]) == first)
        shared = " ".join(_common([[*first, *words[-1].split(None, 8)[:8]] for words in same]))
        findings.add("prefix-shared", f"{n} of {len(distinct)} distinct texts begin with {shared!r}")


def _common(starts: Sequence[Sequence[str]]) -> Iterator[str]:
    for words in zip(*starts, strict=False):
        if len(set(words)) > 1:
            return
        yield words[0]


def _check_collapse(texts: Sequence[str], findings: Findings) -> None:
    if len(texts) < FEW:
        return
    task = findings.edition.task
    counts = Counter(texts)
    frequent, n = counts.most_common(1)[0]
    if len(counts) < DISTINCT[task] * len(texts) or n > max(1.0, MOST_FREQUENT[task] * len(texts)):
        share = f"distinct answers: {len(counts)} of {len(texts)} ({len(counts) / len(texts):.0%})"
        said = frequent if len(frequent) <= 80 else frequent[:77] + "..."
        findings.add("collapse", f"{share}, the most frequent one stands {n} times: {said!r}")
