"""Metrics that need a model, a licence or another program: what each needs, and the number where that is at hand.

BERTScore is computed when its model is on this machine; nothing is downloaded unasked. The other metrics are not
computed yet, and none is replaced by something else under its name:

    reason("similarity")                                     # "needs MedImageInsight ..."
    chosen_models(["bertscore=models/minilm@6"])             # {"bertscore": "models/minilm@6"}
    measure(["bertscore"], answers, truths, edition=edition, models={})     # {} without the official model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from evaluation.measure import Measured, text_of
from evaluation.providers.bertscore import DEBERTA, BertScore
from tasks.editions import Edition
from tasks.nouns import InputError, Value

OFFICIAL = "run github.com/taubsity/clef-caption-evaluation-2026"

NEEDS = {
    "bertscore": BertScore().needs,
    "bleurt": f"lucadiliello/BLEURT-20-D12 and bleurt-pytorch; {OFFICIAL}",
    "similarity": f"MedImageInsight (lion-ai/MedImageInsights) and the images; {OFFICIAL}",
    "medcat": f"MedCAT 1 with the UMLS Full model, for which a UMLS licence is needed; {OFFICIAL}",
    "alignscore": f"AlignScore-base and its package; {OFFICIAL}",
}


class Provider(Protocol):
    """A metric that needs something which may not be on this machine."""

    @property
    def needs(self) -> str:
        """What it needs, and how to get it."""
        ...

    def available(self) -> bool:
        """Whether all of it is here; cheap, and without a network."""
        ...

    def measure(self, predictions: Sequence[str], references: Sequence[str]) -> Measured:
        """The metric on these texts, in the same order; InputError when what it needs cannot be used."""
        ...


def measure(
    metrics: Sequence[str],
    predictions: Sequence[Value],
    references: Sequence[Value],
    *,
    edition: Edition,
    models: Mapping[str, str],
) -> dict[str, Measured]:
    """Those of `metrics` that are available; `models` names other models than the official ones, and must be usable."""
    found = {}
    for metric, model in models.items():
        if metric not in metrics:
            raise InputError(f"--model {metric}={model}: {metric} is not among the scores asked for: leave it out")
    for metric, provider in _providers(edition, models).items():
        if metric in metrics and (metric in models or provider.available()):
            found[metric] = provider.measure([text_of(p) for p in predictions], [text_of(r) for r in references])
    return found


def chosen_models(texts: Sequence[str]) -> dict[str, str]:
    """Metric -> model of texts such as `bertscore=models/minilm@6`."""
    found = dict(text.partition("=")[::2] for text in texts)
    for metric, model in found.items():
        if metric != "bertscore" or not model:
            raise InputError(f"--model {metric}={model}: write bertscore=FOLDER or bertscore=FOLDER@LAYER")
    return found


def reason(metric: str) -> str:
    """Why `metric` has no value and how to get one."""
    return f"needs {NEEDS[metric]}"


def _providers(edition: Edition, models: Mapping[str, str]) -> dict[str, Provider]:
    """The providers there are, for the edition's rules."""
    scoring = edition.scoring.get(edition.task.value, {})
    idf = scoring.get("parameters", {}).get("bertscore", {}).get("idf", True)
    words = scoring.get("empty_pairs") == "words"
    return {"bertscore": BertScore(models.get("bertscore", DEBERTA), idf=idf, empty_words_match=words)}
