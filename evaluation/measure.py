"""Every metric this program computes itself, measured on one submission.

Concepts: the official F1 scores. Captions and reports: BLEU, ROUGE and CIDEr-D on the words of the profile. A report
is scored as one text, its findings followed by its impression:

    measure_texts(["a chest x-ray"], ["chest x-ray"], profile=profile)["rouge1"].statistics.value    # 0.8
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation import concept_f1, ngrams, tokens
from evaluation.profiles import Profile
from evaluation.rouge import rouge_l, rouge_words
from evaluation.statistics import Statistics
from tasks.nouns import Report, Value


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric's statistics and what its signature says of the formula."""

    statistics: Statistics
    formula: str


def measure_concepts(
    predictions: Sequence[concept_f1.Cuis],
    references: Sequence[concept_f1.Cuis],
    *,
    manual: Sequence[concept_f1.Cuis] | None,
    profile: Profile,
) -> dict[str, Measured]:
    """The primary F1, and the secondary one where there are manual concepts."""
    f1 = concept_f1.concept_f1(references, predictions)
    measured = {"f1": Measured(f1, "avg:image|case:upper|empty:label")}
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
    if "rouge1" in profile.roles:
        measured["rouge1"] = Measured(
            _official_rouge1(predictions, references), f"tok:{name}+rouge-score|stem:no|fmeasure|avg:image"
        )
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


def _official_rouge1(predictions: Sequence[str], references: Sequence[str]) -> Statistics:
    """ROUGE-1 on preprocessed texts; the evaluator counts two texts that are both empty as 1."""
    ours, theirs = ([rouge_words(tokens.imageclef(text)) for text in side] for side in (predictions, references))
    values = ngrams.rouge(ngrams.count(ours, theirs), 1).per_image
    both_empty = [not (ours or theirs) for ours, theirs in zip(predictions, references, strict=True)]
    return Statistics.mean(np.where(both_empty, 1.0, values))
