"""Pixels as training sees them: mirrored, cropped, brighter or darker; one draw for each image and step.

augmented(pixels)    # the shape of `pixels`: images x channels x height x width, as an encoder prepares them
"""

from __future__ import annotations

import torch
from torch.nn.functional import affine_grid, grid_sample

SMALLEST = 0.8
"""A crop keeps at least this share of each side."""
BRIGHTNESS = 0.2
"""Contrast and brightness change by at most this share (of the image's own spread)."""


def augmented(pixels: torch.Tensor) -> torch.Tensor:
    """Each image mirrored left to right or not, a random crop of it, in another contrast and brightness.

    Draws from torch's global generator of the CPU, so that a device changes no draw.
    """
    count = len(pixels)
    draws = torch.rand(6, count).to(pixels.device)
    side = SMALLEST + (1 - SMALLEST) * draws[0]
    mirror = torch.where(draws[1] < 0.5, -1.0, 1.0)
    theta = torch.zeros(count, 2, 3, device=pixels.device)
    theta[:, 0, 0], theta[:, 1, 1] = side * mirror, side
    theta[:, 0, 2], theta[:, 1, 2] = (1 - side) * (2 * draws[2] - 1), (1 - side) * (2 * draws[3] - 1)
    grid = affine_grid(theta, list(pixels.shape), align_corners=False)
    seen = grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    mean, spread = seen.mean(dim=(1, 2, 3), keepdim=True), seen.std(dim=(1, 2, 3), keepdim=True)
    contrast, shift = (1 + BRIGHTNESS * (2 * draws[n] - 1)[:, None, None, None] for n in (4, 5))
    return mean + (seen - mean) * contrast + (shift - 1) * spread
