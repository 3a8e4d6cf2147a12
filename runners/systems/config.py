"""SystemConfig: a system that answers from embeddings, read from YAML like any other config.

task: concept_detection
data: {path: sample, split: test}
encoders: [{name: sample}]
retrieval: {k: 20}
decision: {rule: expected_f1}
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from runners.classifier.config import Classifier
from runners.config import Count, Experiment, Section
from runners.decisions.config import Decision
from runners.embedding.config import Encoder
from runners.ensemble.config import Ensemble
from runners.retrieval.config import Retrieval
from runners.ridge.config import Ridge
from runners.systems import METHODS
from tasks.nouns import Task


class Learn(Section):
    """The labelled images."""

    path: str | None = None
    """Their data set; null: that of data.path."""
    split: str = "train"
    """What the system learns from."""
    tune: str = "valid"
    """What the decision (task 1) and the weights of an ensemble are tuned on; never learned from meanwhile."""
    refit: bool = True
    """Learn from both for images that are in neither, with the decision tuned before."""


class SystemConfig(Experiment):
    """One runnable experiment with a system that answers from embeddings."""

    learn: Learn = Learn()
    encoders: tuple[Encoder, ...] = ()
    """The embeddings of several are put side by side, each centred and brought to unit length."""
    whiten: Count | None = None
    """So many principal components of each encoder's embeddings, the weak ones raised; all it has where it has fewer;
    null: the embeddings as they are."""
    retrieval: Retrieval | None = None
    classifier: Classifier | None = None
    ridge: Ridge | None = None
    ensemble: Ensemble | None = None
    decision: Decision = Decision()
    """Task 1: how probabilities become CUIs."""

    @property
    def method(self) -> str:
        """Which of `METHODS` it is."""
        return next(name for name in METHODS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_view(self) -> Self:
        if self.data.views > 1:
            raise ValueError("data.views has no effect here, as a system sees one image of each study: leave it out")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [name for name in METHODS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(METHODS)}, and null for the others")
        if self.ensemble is None and not self.encoders:
            raise ValueError("encoders: name at least one, as in encoders: [{name: sample}]")
        if self.ensemble is not None and (self.encoders or self.whiten is not None):
            raise ValueError("encoders and whiten have no effect with ensemble: its members name theirs")
        if self.whiten is not None and self.classifier is not None and self.classifier.finetune:
            raise ValueError("whiten has no effect with classifier.finetune, which learns from pixels")
        if self.classifier is not None and self.classifier.finetune and len(self.encoders) != 1:
            raise ValueError("classifier.finetune: one encoder can be trained: name one, or set finetune: false")
        if self.classifier is not None and self.classifier.finetune and self.encoders[0].name.endswith(".onnx"):
            raise ValueError("classifier.finetune: an ONNX file cannot be trained: take another encoder")
        if self.task is Task.CONCEPTS and self.retrieval is not None and "texts" in self.retrieval.model_fields_set:
            raise ValueError("retrieval.texts has no effect in task 1, whose neighbours vote: leave it out")
        if self.task is not Task.CONCEPTS and self.retrieval is not None and self.retrieval.space == "labels":
            raise ValueError("retrieval.space: labels compares concepts, which task 1 has: set space: images")
        if self.task is not Task.CONCEPTS and self.retrieval is None:
            raise ValueError(
                f"{given[0]} answers task 1 only: use retrieval, or `imageclef captions select` for the captions "
                "of several runs"
            )
        if self.task is not Task.CONCEPTS and self.decision != Decision():
            raise ValueError("decision has no effect outside task 1")
        if self.learn.split == self.learn.tune:
            raise ValueError("learn.tune must be another split than learn.split: what was learned is not tuned on")
        if self.learn.path is None and self.data.split == self.learn.split:
            raise ValueError(
                f"data.split: the system learns from {self.data.split}, so its answers there would say nothing"
            )
        return self
