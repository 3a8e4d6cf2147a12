"""Losses of many concepts at once: BCE, focal, asymmetric; class balance and label smoothing.

With z a logit, p = sigmoid(z) and y the target:

    bce         -w y log p - (1 - y) log(1 - p)                        w: the weight of a concept's positives
    focal       (|y - p|)^2 x bce                                      Lin et al. 2017 (arXiv 1708.02002), gamma 2
    asymmetric  -w y log p - (1 - y) q^4 log(1 - q), q = max(p - .05, 0)   Ridnik et al. 2021 (arXiv 2009.14119),
                                                                       gamma+ 0, gamma- 4, margin .05

Only BCE without balance is a proper score, least where p is the true probability: the others learn scores that rank
the concepts of an image but are no probabilities, and rules that add probabilities up (expected F1) suffer.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import logsigmoid, softplus

Loss = Literal["bce", "focal", "asymmetric"]
FOCUS = 2.0
FOCUS_NEGATIVE = 4.0
MARGIN = 0.05
MOST_WEIGHT = 50.0
"""A concept's positives weigh at most so much, whatever the balance: one rare image must not steer a step."""
_TINY = 1e-8


def losses_of(
    kind: Loss, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """The loss of each image and concept, in the shape of `logits`; `targets` are 0 to 1, `weights` one a concept."""
    positive = -logsigmoid(logits)
    if weights is not None:
        positive = positive * weights
    if kind == "asymmetric":
        shifted = (torch.sigmoid(logits) - MARGIN).clamp(min=0)
        negative = -(shifted**FOCUS_NEGATIVE) * torch.log1p(-shifted.clamp(max=1 - _TINY))
        return targets * positive + (1 - targets) * negative
    loss = targets * positive + (1 - targets) * softplus(logits)
    if kind == "focal":
        # |y - p| is 1 - p_t of the paper for y in {0, 1}, and goes with smoothed targets too.
        loss = loss * (targets - torch.sigmoid(logits)).abs() ** FOCUS
    return loss


def positive_weights(frequency: torch.Tensor, balance: float) -> torch.Tensor | None:
    """How much the positives of each concept weigh: (negatives / positives)^balance, at most 50; None for balance 0.

    `frequency` is the share of training images that have the concept, above 0.
    """
    if not balance:
        return None
    weights: torch.Tensor = (((1 - frequency) / frequency) ** balance).clamp(1.0, MOST_WEIGHT)
    return weights


def smoothed(targets: torch.Tensor, frequency: torch.Tensor, amount: float) -> torch.Tensor:
    """Targets moved towards each concept's frequency, the prior u of Szegedy et al. 2016 (arXiv 1512.00567), section 7.

    Towards one half, as for a single label, 2,500 concepts would each be given half an `amount` of images.
    """
    return targets * (1 - amount) + amount * frequency if amount else targets
