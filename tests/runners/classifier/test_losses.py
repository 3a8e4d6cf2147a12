"""The losses against the formulas of their papers, written out in float64, and against torch's own BCE."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from runners.classifier.losses import Loss, losses_of, positive_weights, smoothed

Table = NDArray[np.float64]
KINDS: tuple[Loss, ...] = ("bce", "focal", "asymmetric")


def _written_out(kind: Loss, z: Table, y: Table, w: Table) -> Table:
    p = 1 / (1 + np.exp(-z))
    if kind == "asymmetric":
        q = np.maximum(p - 0.05, 0)
        return np.asarray(-(w * y * np.log(p) + (1 - y) * q**4 * np.log(1 - q)))
    bce: Table = -(w * y * np.log(p) + (1 - y) * np.log(1 - p))
    p_t = np.where(y == 1, p, 1 - p)
    return bce if kind == "bce" else np.asarray((1 - p_t) ** 2 * bce)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_is_its_papers_formula(kind: Loss, weighted: bool) -> None:
    random = np.random.default_rng(0)
    z, y = random.normal(scale=4, size=(50, 7)), (random.random((50, 7)) < 0.3).astype(np.float64)
    w = random.uniform(1, 9, size=7) if weighted else np.ones(7)
    ours = losses_of(kind, torch.tensor(z), torch.tensor(y), torch.tensor(w) if weighted else None)
    np.testing.assert_allclose(ours.numpy(), _written_out(kind, z, y, w), rtol=1e-9, atol=1e-15)


def test_bce_is_torchs() -> None:
    z, y, w = torch.randn(20, 5), torch.rand(20, 5), torch.rand(5) + 1
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none", pos_weight=w)
    torch.testing.assert_close(losses_of("bce", z, y, w), theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_far_logits_have_a_finite_loss_and_gradient(kind: Loss, target: float) -> None:
    z = torch.tensor([-200.0, -30.0, 0.0, 30.0, 200.0], requires_grad=True)
    loss = losses_of(kind, z, torch.full((5,), target))
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss).all()
    assert z.grad is not None and torch.isfinite(z.grad).all()


def test_the_asymmetric_loss_forgives_easy_negatives() -> None:
    at_margin = torch.logit(torch.tensor([0.0499]))
    assert losses_of("asymmetric", at_margin, torch.zeros(1)).item() == 0


def test_positives_weigh_by_rarity_up_to_a_limit() -> None:
    frequency = torch.tensor([0.5, 0.1, 0.001])
    assert positive_weights(frequency, 0) is None
    full, half = positive_weights(frequency, 1), positive_weights(frequency, 0.5)
    assert full is not None and half is not None
    torch.testing.assert_close(full, torch.tensor([1.0, 9.0, 50.0]))
    torch.testing.assert_close(half, torch.tensor([1.0, 3.0, 999**0.5]))


def test_smoothing_keeps_the_mean_of_the_targets() -> None:
    targets = (torch.rand(100, 3) < 0.2).double()
    moved = smoothed(targets, targets.mean(dim=0), 0.1)
    torch.testing.assert_close(moved.mean(dim=0), targets.mean(dim=0))
    torch.testing.assert_close(moved[targets == 1].min(), 0.9 + 0.1 * targets.mean(dim=0).min())
    assert smoothed(targets, targets.mean(dim=0), 0) is targets
