"""Metrics that need a model, a licence or another program: what each needs, and the number where that is at hand.

A metric is computed when its model is on this machine; nothing is downloaded unasked, and nothing is put under
another metric's name:

    reason("similarity")                                     # "needs MedImageInsight ..."
    chosen_models(["bertscore=models/minilm@6"])             # {"bertscore": "models/minilm@6"}
    measure(["bertscore"], pairs, edition=edition, equipment=Equipment())   # {} without the official model
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluation.profiles import CHEXBERT, SURROGATE
from evaluation.providers.alignscore import HUB, AlignScore
from evaluation.providers.base import Equipment, Pairs, Provider
from evaluation.providers.bertscore import DEBERTA, SMALL, BertScore
from evaluation.providers.bleurt import D12, Bleurt
from evaluation.providers.medcat import MedCat
from evaluation.providers.official import providers_in
from evaluation.providers.reports import report_providers
from evaluation.providers.rexrank import RexrankBertScore, RexrankBleu
from evaluation.providers.similarity import Similarity
from evaluation.statistics import Measured
from tasks.editions import Edition
from tasks.nouns import InputError

NEEDS = {
    "bertscore": BertScore().needs,
    "bertscore_surrogate": BertScore(SMALL).needs,
    "bleurt": Bleurt().needs,
    "alignscore": AlignScore().needs,
    "medcat": MedCat().needs,
    "similarity": Similarity().needs,
    "bleu2_rexrank": RexrankBleu().needs,
    "bertscore_rexrank": RexrankBertScore().needs,
    **{metric: provider.needs for metric, provider in report_providers(None).items()},
}
FORMS = {
    "bertscore": "bertscore=FOLDER or bertscore=FOLDER@LAYER",
    "bleurt": "bleurt=FOLDER",
    "alignscore": "alignscore=PATH.ckpt or alignscore=PATH.ckpt@ROBERTA_FOLDER",
    "medcat": "medcat=PACK.zip",
    "similarity": "similarity=FOLDER",
    "bertscore_rexrank": "bertscore_rexrank=FOLDER",
}
"""How a user names a metric's model."""


def measure(metrics: Sequence[str], pairs: Pairs, *, edition: Edition, equipment: Equipment) -> dict[str, Measured]:
    """`measure_systems` of one."""
    [found] = measure_systems(metrics, [pairs], edition=edition, equipment=equipment)
    return found


def measure_systems(
    metrics: Sequence[str], systems: Sequence[Pairs], *, edition: Edition, equipment: Equipment
) -> list[dict[str, Measured]]:
    """Those of `metrics` that are available, of each system; a model that the user names must be usable.

    What is not the official metric comes under the metric's name with `_surrogate` at its end.
    """
    found: list[dict[str, Measured]] = [{} for _ in systems]
    for metric, model in equipment.models.items():
        if not {metric, metric + SURROGATE} & set(metrics):
            raise InputError(f"--model {metric}={model}: {metric} is not among the scores asked for: leave it out")
    for metric, provider in _providers(edition, equipment).items():
        chosen = metric in equipment.models
        asked = metric in metrics or (chosen and metric + SURROGATE in metrics)
        if asked and metric not in found[0] and (chosen or provider.available()):
            for own, answer in zip(found, provider.measure_systems(systems), strict=True):
                # an image without a label has no F1 of its own, which loses nothing
                one = answer if metric in CHEXBERT else _whole(answer)
                own[metric + SURROGATE if one.surrogate and not metric.endswith(SURROGATE) else metric] = one
    return found


def chosen_models(texts: Sequence[str]) -> dict[str, str]:
    """Metric -> model of texts such as `bertscore=models/minilm@6`."""
    found = dict(text.partition("=")[::2] for text in texts)
    for metric, model in found.items():
        if metric not in FORMS or not model:
            forms = FORMS.get(metric) or ", or ".join(FORMS.values())
            raise InputError(f"--model {metric}={model}: write {forms}")
    return found


def reason(metric: str) -> str:
    """Why `metric` has no value and how to get one."""
    return f"needs {NEEDS[metric]}"


def _whole(one: Measured) -> Measured:
    """`one`, or that it is unavailable where a model gave something else than a number."""
    values = one.statistics.per_image
    lost = np.count_nonzero(np.isnan(values))
    if one.unavailable or not lost:
        return one
    return Measured.nothing(len(values), f"its model gives no number for {lost} images: get its weights anew")


def _providers(edition: Edition, equipment: Equipment) -> dict[str, Provider]:
    """The providers there are, for the edition's rules; those of the user's environment go first."""
    scoring = edition.scoring.get(edition.task.value, {})
    idf = scoring.get("parameters", {}).get("bertscore", {}).get("idf", True)
    words = scoring.get("empty_pairs") == "words"
    models = equipment.models
    ours: dict[str, Provider] = {
        "bertscore": BertScore(models.get("bertscore", DEBERTA), idf=idf, empty_words_match=words),
        "bertscore_surrogate": BertScore(SMALL, idf=idf, empty_words_match=words),
        "bleurt": Bleurt(models.get("bleurt", D12)),
        "alignscore": AlignScore(models.get("alignscore", HUB)),
        "bleu2_rexrank": RexrankBleu(),
        "bertscore_rexrank": RexrankBertScore(models.get("bertscore_rexrank", "")),
        **report_providers(equipment.environment),
    }
    theirs = providers_in(equipment, edition)
    return ours | {name: replace(one, instead=ours.get(name)) for name, one in theirs.items()}
