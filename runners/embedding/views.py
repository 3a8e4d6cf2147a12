"""Several looks at one image: itself, its mirror image, or its corners and its centre."""

from __future__ import annotations

from PIL.Image import Image, Transpose

from runners.embedding.config import Views

SHARE = 7 / 8
"""Of each side in a crop: 224 of 256 pixels, as Krizhevsky et al. (2012) took theirs."""


def views_of(image: Image, views: Views) -> list[Image]:
    """The looks at `image` whose vectors are averaged."""
    if views == "one":
        return [image]
    if views == "flip":
        return [image, image.transpose(Transpose.FLIP_LEFT_RIGHT)]
    width, height = (max(1, round(side * SHARE)) for side in image.size)
    right, down = image.width - width, image.height - height
    places = [(0, 0), (right, 0), (0, down), (right, down), (right // 2, down // 2)]
    return [image.crop((x, y, x + width, y + height)) for x, y in places]
