"""From images to vectors: images are decoded while the network computes, and an error never becomes a vector."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runners.embedding.config import Encoder
from runners.embedding.encoders import ImageEncoder
from runners.embedding.record import MISSING, stamp_of
from runners.embedding.views import views_of
from runners.models import Failure, is_out_of_memory
from tasks.images import ImageError, decode, encoded
from tasks.nouns import Example, InputError

AHEAD = 2
"""Batches that are decoded while one is computed; they bound the memory that pixels take."""
DECODERS = min(8, os.cpu_count() or 1)
"""Threads that open and shrink images: a large radiograph takes Pillow some 100 ms."""

Vector = NDArray[np.float16] | Failure


class Row(NamedTuple):
    """What became of an image."""

    image_id: str
    vector: Vector
    """Or why there is none."""
    stamp: str
    """What tells its file from another."""


class _Pixels(NamedTuple):
    pixels: NDArray[np.float32] | Failure
    """Views x C x H x W."""
    stamp: str


def vectors_of(examples: Sequence[Example], encoder: ImageEncoder, config: Encoder) -> Iterator[list[Row]]:
    """The rows of each batch."""
    with ThreadPoolExecutor(DECODERS, "decode") as decoders:
        waiting: deque[tuple[Sequence[Example], list[Future[_Pixels]]]] = deque()
        try:
            for start in range(0, len(examples), config.batch_size):
                batch = examples[start : start + config.batch_size]
                waiting.append((batch, [decoders.submit(_pixels, example, encoder, config) for example in batch]))
                if len(waiting) > AHEAD:
                    yield _computed(*waiting.popleft(), encoder)
            while waiting:
                yield _computed(*waiting.popleft(), encoder)
        finally:
            for _, futures in waiting:
                for future in futures:
                    future.cancel()


def _pixels(example: Example, encoder: ImageEncoder, config: Encoder) -> _Pixels:
    try:
        data = encoded(example.image)
    except (ImageError, OSError) as error:
        return _Pixels(Failure(f"image: {error}"), MISSING)
    stamp = stamp_of(data)
    try:
        views = views_of(decode(data), config.views)
    except ImageError as error:
        return _Pixels(Failure(f"image: {error}"), stamp)
    try:
        return _Pixels(np.stack([encoder.prepare(view) for view in views]), stamp)
    except Exception as error:  # noqa: BLE001 - an image its preprocessing cannot take is a failure with a reason
        return _Pixels(Failure(_said(error)), stamp)


def _computed(batch: Sequence[Example], futures: Sequence[Future[_Pixels]], encoder: ImageEncoder) -> list[Row]:
    found = [future.result() for future in futures]
    vectors = iter(_vectors([one.pixels for one in found if not isinstance(one.pixels, Failure)], encoder))
    return [
        Row(example.image_id, one.pixels if isinstance(one.pixels, Failure) else next(vectors), one.stamp)
        for example, one in zip(batch, found, strict=True)
    ]


def _vectors(pixels: Sequence[NDArray[np.float32]], encoder: ImageEncoder) -> list[Vector]:
    """The mean over each image's views; an image that breaks its batch is computed alone."""
    if not pixels:
        return []
    try:
        together = np.stack(pixels)
        means = np.mean([encoder.embed(np.ascontiguousarray(view)) for view in together.swapaxes(0, 1)], axis=0)
    except InputError:
        raise  # the encoder can embed nothing: no reason to go through all images
    except Exception as error:
        if is_out_of_memory(error):
            raise InputError(
                f"encoder {encoder.name}: a batch of {len(pixels)} does not fit into memory: lower batch_size"
            ) from error
        if len(pixels) == 1:
            return [Failure(_said(error))]
    else:
        return [_checked(mean) for mean in means]
    return [vector for alone in pixels for vector in _vectors([alone], encoder)]


def _checked(mean: NDArray[np.float32]) -> Vector:
    with np.errstate(over="ignore"):
        vector = mean.astype(np.float16)
    if np.isfinite(vector).all() and vector.any():
        return vector
    return Failure("its vector holds NaN, infinity, numbers above 65,504, or zeros alone")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
