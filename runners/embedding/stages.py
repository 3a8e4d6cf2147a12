"""The features of an EfficientNet at several depths, as one vector."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import normalize

DEPTHS = 4
"""How many of the last stages are taken beside the last layer."""


class Stages(torch.nn.Module):
    """Means over the places of the last layer and of the last stages, each of length 1, side by side."""

    def __init__(self, body: Any, *, last_alone: bool = False) -> None:
        super().__init__()
        self.body = body
        widths = [block._block_args.output_filters for block in body._blocks]
        ends = [n for n, width in enumerate(widths) if n + 1 == len(widths) or widths[n + 1] != width]
        self._ends = frozenset(() if last_alone else ends[-DEPTHS:])
        self._last_alone = last_alone

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """B x 3 x H x W to B x D."""
        body: Any = self.body
        x = body._swish(body._bn0(body._conv_stem(pixels)))
        means = []
        for n, block in enumerate(body._blocks):
            x = block(x)
            if n in self._ends:
                means.append(x.mean(dim=(2, 3)))
        last = body._swish(body._bn1(body._conv_head(x))).mean(dim=(2, 3))
        return last if self._last_alone else torch.cat([normalize(mean, dim=1) for mean in (last, *means)], dim=1)
