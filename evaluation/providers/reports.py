"""Metrics of radiology reports by the package RadEval, in an environment made for it (`report-requirements.txt`).

    radgraph_f1          RadGraph (Jain et al., 2021): mean of the F1 of entities and of relations, as RadCliQ has it
    radgraph_er          F1RadGraph "partial" (Delbrouck et al., 2022) with RadGraph-XL: entities, and if they relate
    semb                 cosine of CheXbert's embeddings (Smit et al., 2020; Yu et al., 2023)
    radcliq_v1_inverse   1 / mean RadCliQ-v1 (Yu et al., 2023), the first column of ReXrank
    ratescore            RaTEScore (Zhao et al., 2024)
    green                GREEN (Ostmeier et al., 2024) by its model of 7 billion numbers, which takes a GPU
    chexbert_*           F1 of the labels CheXbert reads, named as in `evaluation.labels.conventions`

RadCliQ-v1 is an estimate of errors, so lower is better, and it is linear in RadGraph F1, BERTScore and SembScore:

    radcliq_v1(0.244, 0.518, 0.601)      # 0.693; ReXrank's table says 0.692 of MedVersa on IU X-ray

The inverse is ReXrank's; it means something only above 0, which RadCliQ-v1 leaves when reports are nearly as their
references. It is cut at 100. RadEval's own RadCliQ weighs BERTScore by idf, which ReXrank does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from evaluation.labels.codes import held
from evaluation.labels.conventions import CONVENTIONS
from evaluation.labels.f1 import AVERAGE
from evaluation.metrics.bertscore import CAP
from evaluation.profiles import CHEXBERT
from evaluation.providers.base import Pairs
from evaluation.providers.conversation import Answer
from evaluation.providers.package_metric import PackageMetric
from evaluation.providers.rexrank import LAYER, ROBERTA
from evaluation.statistics import Array, Measured, Statistics
from tasks.reports.labels import LABELS

SCORERS = "StanfordAIMI/RRG_scorers"
"""The hub's repository with the weights of RadGraph and CheXbert."""
BERT = "bert-base-uncased"
RADCLIQ = {
    "radgraph": (-3.77083683e-01, 0.53792312, 0.30282584),
    "bertscore": (-3.70300100e-01, 0.61757256, 0.22430938),
    "semb": (-2.52616218e-01, 0.76479421, 0.25394391),
}
"""Weight, mean and deviation of each part, learned by Yu et al. (CXR-Report-Metric, CXRMetric/radcliq-v1.pkl). Those of
BLEU-2 and the constant are below 1e-9 and left out."""
LEAST = 0.01
"""The mean RadCliQ-v1 below which its inverse is cut."""


def radcliq_v1(radgraph: float, bertscore: float, semb: float) -> float:
    """RadCliQ-v1 of one report, or its mean of the means of its parts."""
    parts = zip((radgraph, bertscore, semb), RADCLIQ.values(), strict=True)
    return sum(weight * (part - mean) / deviation for part, (weight, mean, deviation) in parts)


@dataclass(frozen=True, slots=True)
class ReportMetric(PackageMetric):
    """What the metrics of this package have in common: a fixed model each, no rule of an edition."""

    package = "radeval"
    install = "an environment of its own: report-requirements.txt says how to make it; then --official-env PATH"
    batch = 8
    pins: ClassVar[Mapping[str, str]] = {}
    place = "reports"
    scorer: ClassVar[str] = ""
    """RadEval's name of the metric."""
    key: ClassVar[str] = ""
    """The name of its values."""
    models: ClassVar[str]
    """What the signature says of the models."""
    weights: ClassVar[str]
    """What has to be there of models."""

    @property
    def needs(self) -> str:
        """The package and its models, and how to get them."""
        return f"the package radeval and {self.weights} in {self.install}"

    def available(self) -> bool:
        """Where an environment is given: whether it has the package is seen when it is asked."""
        return self.environment is not None

    def parameters(self, pairs: Pairs) -> dict[str, Any]:
        """Which of RadEval's metrics is meant."""
        return {"scorer": self.scorer, "key": self.key}

    def fixed(self, prediction: str, reference: str) -> float:
        """An empty report has nothing in common with another: 0, where some of the packages would end in an error."""
        return np.nan if prediction.strip() and reference.strip() else 0.0

    def formula(self, ready: Answer) -> str:
        """The models."""
        return f"tok:raw|model:{self.models}"

    def official(self, ready: Answer) -> bool:
        """There is no choice of a model."""
        return True


class RadGraphF1(ReportMetric):
    """Mean of the F1 of RadGraph's entities and of its relations, each with its tokens and its kind."""

    metric, scorer, key = "radgraph_f1", "radgraph_radcliq", "radgraph_radcliq"
    models = f"{SCORERS}/radgraph|(entities+relations)/2"
    weights = "RadGraph"


class RadGraphEr(ReportMetric):
    """Mean F1 of RadGraph-XL's entities, told apart by whether they have a relation."""

    metric, scorer, key = "radgraph_er", "radgraph", "radgraph_partial"
    models = f"{SCORERS}/radgraph-xl|reward:partial"
    weights = "RadGraph-XL"


class RateScore(ReportMetric):
    """Mean RaTEScore, with the weights for long reports."""

    metric = scorer = key = "ratescore"
    models = "Angelakeke/RaTE-NER-Deberta|FremyCompany/BioLORD-2023-C|weights:long"
    weights = "RaTE-NER-Deberta and BioLORD-2023-C"
    batch = 1
    """The package leaves out sentences below three letters; a report of none would shift those that follow."""

    def fixed(self, prediction: str, reference: str) -> float:
        """A report without a sentence for the package is an empty one."""
        return 0.0 if min(len(prediction.strip()), len(reference.strip())) < 3 else np.nan


class Green(ReportMetric):
    """Mean GREEN score."""

    metric = scorer = key = "green"
    models = "StanfordAIMI/GREEN-radllama2-7b"
    weights = "GREEN-radllama2-7b (14 GB, and a GPU)"


class Semb(ReportMetric):
    """Mean cosine of CheXbert's embeddings."""

    metric = "semb"
    models = f"{SCORERS}/chexbert|cos"
    weights = "CheXbert"

    def fixed(self, prediction: str, reference: str) -> float:
        """The model has an embedding of an empty report too."""
        return np.nan


class RadCliq(Semb):
    """One over the mean RadCliQ-v1."""

    metric = "radcliq_v1_inverse"
    models = f"{SCORERS}/radgraph|{ROBERTA}|layer:{LAYER}|idf:no|rescale:yes|{SCORERS}/chexbert|v1|1/mean|most:100"
    weights = f"RadGraph, CheXbert and {ROBERTA}"

    def value(self, answer: Any) -> float:
        """RadCliQ-v1 of the three parts."""
        return radcliq_v1(*map(float, answer))

    def statistics(self, values: Array) -> Statistics:
        """One over the mean, cut where that is close to 0 or below."""
        return Statistics(np.hstack([values, np.ones_like(values)]), _inverse_mean)

    def doubts(self, pairs: Pairs, ready: Answer) -> list[str]:
        """Which side is the good one."""
        return [f"1 / mean RadCliQ-v1, as ReXrank ranks: higher is better; cut at {1 / LEAST:.0f}"]


class CheXbertCodes(ReportMetric):
    """The fourteen labels that CheXbert reads from both texts, of each image: 1, 0 (or nothing said) or -1."""

    metric = "chexbert"
    models = f"{SCORERS}/chexbert|cap:{CAP}"
    weights = "CheXbert"
    width = 2 * len(LABELS)

    def parameters(self, pairs: Pairs) -> dict[str, Any]:
        """The labels in our order."""
        return {"labels": LABELS}

    def fixed(self, prediction: str, reference: str) -> float:
        """The model reads labels from an empty report too."""
        return np.nan

    def value(self, answer: Any) -> list[float]:
        """The labels of the prediction, then those of the reference."""
        return [float(label) for side in answer for label in side]

    def statistics(self, values: Array) -> Statistics:
        """The labels as they are; their sums say nothing."""
        return Statistics(values, lambda sums: sums[..., 0])


@dataclass(frozen=True, slots=True)
class CheXbertF1(ReportMetric):
    """F1 of CheXbert's labels in one convention; the texts are read once for all of them."""

    metric = "chexbert"
    models, weights = CheXbertCodes.models, CheXbertCodes.weights
    name_of: str = ""
    """The metric, one of `CHEXBERT`."""

    def measure(self, pairs: Pairs) -> Measured:
        """The F1; unavailable for the reason the labels are."""
        found = _codes(self.environment, self.limit, *map(tuple, (pairs.ids, pairs.predictions, pairs.references)))
        if found.unavailable:
            return found
        codes = np.asarray(found.statistics.rows).astype(np.int8)
        ours, theirs = codes[:, : len(LABELS)], codes[:, len(LABELS) :]
        convention = CONVENTIONS[self.name_of.replace("chexbert", "chexpert", 1)]
        both = held(theirs, ours, convention, counted=np.ones(len(codes), dtype=bool))
        if both.nothing:
            return Measured.nothing(len(codes), "CheXbert finds none of the labels in any text")
        statistics = AVERAGE[convention.average](both)
        rule = f"labels:{len(convention.labels)}|uncertain:1|avg:{convention.average}|blank:0|zero-division:0"
        formula = f"{found.formula.replace('|avg:image', '')}|{rule}{'|ci:recentred' if statistics.recentred else ''}"
        return replace(found, statistics=statistics, formula=formula)


@lru_cache(maxsize=4)
def _codes(
    environment: Path | None, limit: float, ids: Sequence[str], predictions: Sequence[str], references: Sequence[str]
) -> Measured:
    return CheXbertCodes(environment=environment, limit=limit).measure(Pairs(ids, predictions, references))


def _inverse_mean(sums: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 / np.maximum(sums[..., 0] / sums[..., 1], LEAST))


KINDS: Sequence[type[ReportMetric]] = (RadCliq, RadGraphF1, RadGraphEr, Semb, RateScore, Green)


def report_providers(environment: Path | None) -> dict[str, ReportMetric]:
    """The metrics by name."""
    found: dict[str, ReportMetric] = {kind.metric: kind(environment=environment) for kind in KINDS}
    return found | {name: CheXbertF1(environment=environment, name_of=name) for name in CHEXBERT}
