"""The section `classifier:` of a system's config.

classifier: {head: mlp, hidden: 512, dropout: 0.5, epochs: 20, seeds: 3}
classifier: {finetune: true, head: mlp}           # a CNN with a head, as AUEB's systems
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runners.config import Count, Section

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class Classifier(Section):
    """A multi-label classifier of concepts on an encoder's features."""

    head: Literal["linear", "mlp"] = "linear"
    hidden: Count = 512
    """Units of the hidden layer of an mlp; with some thousand images a linear head is as good or better."""
    dropout: Share = 0.5
    """Share of the standardised features, and of the hidden units, left out at each training step."""
    loss: Literal["bce", "focal", "asymmetric"] = "bce"
    """bce alone gives probabilities that can be added up; decision rule expected_f1 needs them."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Positives of a concept weigh (negatives / positives)^balance, at most 50: 0 not at all, 1 as negatives do."""
    label_smoothing: Share = 0.0
    """Targets are moved by this share towards the frequency of the concept."""
    epochs: Count = 15
    learning_rate: Positive = 5e-4
    """Of a layer with 1,000 inputs, of others inversely to their number; it falls to 0 along a cosine."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    batch_size: Count = 64
    seeds: Count = 3
    """Networks trained from different starts; the answer is the mean of their probabilities."""
    min_support: Count = 3
    """Concepts of fewer training images are not learned."""
    finetune: bool | Literal["all"] = False
    """true: the last half of the encoder's weights are trained too, all: every one; with flips, crops, brightness."""
    finetune_learning_rate: Positive = 1e-4
    """Of the encoder's weights."""
    device: str = "auto"
    """auto: an accelerator where there is one. On the CPU one thread is used, so that bytes come out the same."""
