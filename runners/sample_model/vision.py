"""Stage 1: the vision tower learns to see the phantoms.

A small transformer without convolutions learns slowly from captions alone. It learns fast when every patch is
asked which findings it shows, beside the whole image being asked for modality, region, side and size.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from runners.sample_model.material import FACTORS, TRAITS, Material

MEAN, STD = 0.35, 0.3
"""Normalisation of grey levels (0 to 1), the same for the three channels; the processor's too."""


def to_pixels(grey: np.ndarray[Any, Any]) -> Tensor:
    """uint8 (n, edge, edge) -> normalised (n, 3, edge, edge), as the processor makes it."""
    scaled = (torch.from_numpy(grey).float() / 255 - MEAN) / STD
    return scaled[:, None].expand(-1, 3, -1, -1)


class Probe(nn.Module):
    """The tower with two linear heads that are thrown away: patch -> traits, image -> factors."""

    def __init__(self, tower: nn.Module, width: int) -> None:
        super().__init__()
        self.tower = tower
        self.norm = nn.LayerNorm(width)
        self.patch = nn.Linear(width, len(TRAITS))
        self.image = nn.Linear(2 * width, len(FACTORS))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits per patch and per image."""
        tokens = self.norm(patches(self.tower, pixels))
        return self.patch(tokens), self.image(torch.cat([tokens.mean(1), tokens.amax(1)], 1))


def patches(tower: nn.Module, pixels: Tensor) -> Tensor:
    """What the language model will be given: the last hidden state without the class token."""
    states: Tensor = tower(pixels, output_hidden_states=True).hidden_states[-1]
    return states[:, 1:]


def batches(count: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray[Any, Any]]:
    """Shuffled rows, in batches, once."""
    order = rng.permutation(count)
    for at in range(0, count - size + 1, size):
        yield order[at : at + size]


def shift(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Moves a batch by up to three pixels and changes its exposure a little."""
    moved = torch.roll(pixels, tuple(int(v) for v in rng.integers(-3, 4, 2)), (2, 3))
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (len(pixels), 1, 1, 1)).astype(np.float32))
    return moved * gain


def train_tower(tower: nn.Module, material: Material, check: Material, *, epochs: int, out: Path) -> None:
    """Train in place, save after every epoch, go on from the last one saved."""
    width = tower.config.hidden_size  # type: ignore[union-attr]
    probe = Probe(tower, int(width))  # type: ignore[arg-type]
    size, steps = 64, len(material.pixels) // 64
    optimiser = torch.optim.AdamW(probe.parameters(), lr=1e-3, weight_decay=0.05, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.2e-3, total_steps=epochs * steps, pct_start=0.15)
    first = 0
    if out.exists():
        state = torch.load(out, weights_only=True)
        probe.load_state_dict(state["probe"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        first = state["epoch"]
    for epoch in range(first, epochs):
        rng = np.random.default_rng([1, epoch])
        probe.train()
        total = 0.0
        for rows in batches(len(material.pixels), size, rng):
            pixels = shift(to_pixels(material.pixels[rows]), rng)
            places = torch.from_numpy(material.places[rows]).float()
            whole = torch.from_numpy(material.whole[rows]).float()
            with torch.autocast("cpu", torch.bfloat16):
                patch, image = probe(pixels)
            loss = 20 * nn.functional.binary_cross_entropy_with_logits(patch.float(), places)
            loss = loss + 5 * nn.functional.binary_cross_entropy_with_logits(image.float(), whole)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(probe.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
            if schedule.last_epoch % 50 == 0:
                print(f"vision {schedule.last_epoch}/{epochs * steps}: loss {loss.item():.4f}", flush=True)
        print(f"vision {epoch + 1}/{epochs}: loss {total / steps:.4f}, exact {exact(probe, check):.3f}", flush=True)
        state = {"probe": probe.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save({**state, "schedule": schedule.state_dict(), "epoch": epoch + 1}, out)


@torch.inference_mode()
def exact(probe: Probe, check: Material) -> float:
    """Share of images whose factors are all told rightly."""
    probe.eval()
    right = 0
    for at in range(0, len(check.pixels), 100):
        with torch.autocast("cpu", torch.bfloat16):
            _, image = probe(to_pixels(check.pixels[at : at + 100]))
        truth = torch.from_numpy(check.whole[at : at + 100])
        right += int(((image.float() > 0) == truth).all(1).sum())
    return right / len(check.pixels)
