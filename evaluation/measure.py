"""Every metric this program computes itself, measured on one submission.

Concepts: the official F1 scores. Captions and reports: BLEU, ROUGE and CIDEr-D on the words of the profile; sentence
BLEU on those of the editions that had it. A report is scored as one text, its findings followed by its impression:

    measure_texts(["a chest x-ray"], ["chest x-ray"], profile=profile)["rouge1"].statistics.value    # 0.8
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from evaluation import concept_f1, meteor, ngrams, sentence_bleu, tokens
from evaluation.profiles import Profile
from evaluation.rouge import rouge_l, rouge_words
from evaluation.statistics import Statistics
from tasks.nouns import Report, Value


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric's statistics and what its signature says of the formula."""

    statistics: Statistics
    formula: str
    surrogate: bool = False
    """An offline stand-in for an official metric."""
    warnings: tuple[str, ...] = ()
    """What the organisers' ways did to the value, where it changed it."""
    unavailable: str = ""
    """Why there is no value; the statistics are all NaN then."""


def measure_concepts(
    predictions: Sequence[concept_f1.Cuis],
    references: Sequence[concept_f1.Cuis],
    *,
    manual: Sequence[concept_f1.Cuis] | None,
    profile: Profile,
) -> dict[str, Measured]:
    """The primary F1, and the secondary one where there are manual concepts."""
    skip_empty = profile.skips_empty_truth
    f1 = concept_f1.concept_f1(references, predictions, skip_empty=skip_empty)
    said = concept_f1.quirks(references, predictions, skip_empty=skip_empty)
    empty = "empty-truth:skipped" if skip_empty else "empty:label"
    measured = {"f1": Measured(f1, f"avg:image|case:upper|{empty}", warnings=tuple(said))}
    if manual is not None:
        kept = profile.secondary_cuis
        f1 = concept_f1.secondary_f1(manual, predictions, allowed=kept)
        measured["f1_secondary"] = Measured(f1, f"avg:image|case:upper|cuis:{len(kept)}|empty-truth:skipped")
    return measured


def measure_texts(predictions: Sequence[str], references: Sequence[str], *, profile: Profile) -> dict[str, Measured]:
    """The n-gram metrics of the profile."""
    ours, theirs, name = _words(predictions, references, profile)
    counted = ngrams.count(ours, theirs)
    measured = {f"bleu{k}": Measured(ngrams.bleu(counted, k), f"tok:{name}|corpus|smooth:coco") for k in ngrams.ORDERS}
    measured["rougeL"] = Measured(rouge_l(ours, theirs), f"tok:{name}|coco|beta:1.2|avg:image")
    measured["cider"] = Measured(ngrams.cider(counted), f"tok:{name}|cider-d|sigma:6|df:references|avg:image")
    if "meteor" in profile.roles:
        measured["meteor"] = _meteor(ours, theirs, name=name)
    if profile.preprocessing:
        return measured | _of_edition(predictions, references, profile)
    if "rouge1" in profile.roles:
        cleaned = tuple([tokens.imageclef(text) for text in side] for side in (predictions, references))
        empty = _both_empty(*cleaned) if profile.empty_words_match else _both_empty(predictions, references)
        measured["rouge1"] = _rouge1(*cleaned, name=name, both_empty=empty)
    return measured


def text_of(value: Value) -> str:
    """The text that is scored: a caption, or a report's sections one after the other."""
    if isinstance(value, Report):
        return f"{value.findings} {value.impression}".strip()
    if isinstance(value, str):
        return value
    raise TypeError("a list of concepts has no text")


def _words(predictions: Sequence[str], references: Sequence[str], profile: Profile) -> tuple[list[str], list[str], str]:
    """Both sides as words of the profile, and the tokenizer's name."""
    n = len(predictions)
    both = [*predictions, *references]
    if profile.name == "coco":
        words, name = tokens.ptb(both)
    else:
        clean, name = (tokens.r2gen, "r2gen") if profile.name == "r2gen" else (tokens.imageclef, "imageclef")
        words = [clean(text) for text in both]
    return words[:n], words[n:], name


def _meteor(ours: Sequence[str], theirs: Sequence[str], *, name: str) -> Measured:
    try:
        return Measured(meteor.meteor([ours], theirs)[0], f"tok:{name}|{meteor.FORMULA}")
    except meteor.Unavailable as error:
        return Measured(Statistics.mean(np.full(len(theirs), np.nan)), "", unavailable=str(error))


def _of_edition(predictions: Sequence[str], references: Sequence[str], profile: Profile) -> dict[str, Measured]:
    """The metrics on words of the edition's own making; none where NLTK's stop words are missing."""
    steps = profile.preprocessing
    if not sentence_bleu.possible(steps):
        return {}
    ours, theirs = sentence_bleu.preprocess(predictions, steps), sentence_bleu.preprocess(references, steps)
    name = f"{'+'.join(steps)}|nltk:{version('nltk')}"
    empty = _both_empty(ours, theirs)
    said = _said_of_empty(empty)
    measured = {}
    for metric, nltk33 in (("bleu_sentence", False), ("bleu_sentence_nltk33", True)):
        statistics = sentence_bleu.mean_sentence_bleu(ours, theirs, nltk33=nltk33)
        smoothing = "method0-nltk3.3" if nltk33 else "method0-nltk3.2.2"
        measured[metric] = Measured(statistics, f"tok:{name}|smooth:{smoothing}|avg:image", warnings=said)
    if "rouge1" in profile.roles:
        measured["rouge1"] = _rouge1(ours, theirs, name=name, both_empty=empty)
    return measured


def _rouge1(ours: Sequence[str], theirs: Sequence[str], *, name: str, both_empty: list[bool]) -> Measured:
    """ROUGE-1 on preprocessed texts; the evaluators count a pair of two empty texts as 1."""
    counted = ngrams.count([rouge_words(text) for text in ours], [rouge_words(text) for text in theirs])
    values = np.where(both_empty, 1.0, ngrams.rouge(counted, 1).per_image)
    formula = f"tok:{name}+rouge-score|stem:no|fmeasure|avg:image"
    return Measured(Statistics.mean(values), formula, warnings=_said_of_empty(both_empty))


def _both_empty(ours: Sequence[str], theirs: Sequence[str]) -> list[bool]:
    return [not (one or other) for one, other in zip(ours, theirs, strict=True)]


def _said_of_empty(both_empty: Sequence[bool]) -> tuple[str, ...]:
    n = sum(both_empty)
    said = f"{n} of {len(both_empty)} pairs of caption and reference are both empty and count 1, as the evaluators mean"
    return (said,) if n else ()
