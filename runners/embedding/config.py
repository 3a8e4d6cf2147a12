"""Encoder: which network turns an image into a vector, and how it looks at the image.

encoders:
  - {name: efficientnet-lite0, views: flip}
  - {name: timm:vit_base_patch16_224.dino}
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runners.config import Count, Section

Views = Literal["one", "flip", "five"]
"""one: the image; flip: it and its mirror image; five: its corners and its centre, 7/8 of each side."""
Pooling = Literal["auto", "mean", "first", "stages"]
"""How a map or a row of features becomes one vector."""


class Encoder(Section):
    """An image encoder and how it looks at an image."""

    name: str
    """`sample`, `efficientnet-lite0` (1, 2), a folder or hub id of a transformers checkpoint, `timm:<name>`,
    `torchvision:<name>`, `torchxrayvision:<name>`, or an .onnx file."""
    revision: str | None = None
    """Of a hub id."""
    views: Views = "one"
    """one: the image; flip: it and its mirror image; five: its corners and its centre, 7/8 of each side. The mean of
    the views' vectors is kept. A mirrored chest has its heart on the right: flip where sides do not matter."""
    pooling: Pooling = "auto"
    """auto: the encoder's own; mean of all places; first: the class token; stages: several depths (EfficientNet)."""
    size: Count | None = None
    """ONNX: pixels a side, where the file leaves it open."""
    mean: tuple[float, float, float] | None = None
    """ONNX: subtracted from RGB in [0, 1]; null: ImageNet's. A file that takes bytes takes them as they are."""
    std: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = (
        None
    )
    """ONNX: what is left is divided by it; null: ImageNet's."""
    device: str = "auto"
    batch_size: Count = 16
    """Views computed at once; in float32 it moves a vector by its last bit at most."""
