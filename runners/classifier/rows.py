"""What a classifier reads, a block of rows at a time: features from a memory map, or the pixels of images.

table = np.load("train.npy", mmap_mode="r")                 # features: images x dimensions
table = Images([e.image for e in examples], ids, encoder.prepare)
for rows, values in read_ahead(table, order, size=64): ...  # rows: which; values: float32
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.images import ImageError, open_image
from tasks.nouns import ImageSource, InputError

BLOCK = 2048
"""Feature rows read at once: of 2,000 dimensions 16 MB."""
DECODERS = 8
"""Threads that decode images; Pillow lets others run meanwhile."""


class Rows(Protocol):
    """A table that is read by rows; a NumPy array is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: NDArray[np.intp], /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Images:
    """Pixels of images, decoded when they are asked for."""

    sources: Sequence[ImageSource]
    ids: Sequence[str]
    prepare: Callable[[Image.Image], NDArray[np.float32]]
    """As an encoder prepares an image: channels x height x width; safe to call from several threads."""

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, rows: NDArray[np.intp], /) -> NDArray[np.float32]:
        """Images x channels x height x width; InputError names an image that cannot be read."""
        with ThreadPoolExecutor(DECODERS) as pool:
            return np.stack(list(pool.map(self._pixels, rows.tolist())))

    def _pixels(self, row: int) -> NDArray[np.float32]:
        try:
            return self.prepare(open_image(self.sources[row]))
        except ImageError as error:
            raise InputError(f"image {self.ids[row]}: {error}: mend the file or leave the image out") from error


def read_ahead(
    table: Rows, order: NDArray[np.intp], *, size: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """The rows of `order` in blocks of `size`; the next block is read while one is worked on.

    InputError when a number is NaN or infinite.
    """
    blocks = [order[start : start + size] for start in range(0, len(order), size)]
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_read, table, blocks[0]) if blocks else None
        for n, rows in enumerate(blocks):
            assert coming is not None
            values = coming.result()
            if n + 1 < len(blocks):
                coming = pool.submit(_read, table, blocks[n + 1])
            yield rows, values


def moments(blocks: Iterator[NDArray[np.float32]]) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Mean and standard deviation of each column of a table read in blocks, and a hash of its content."""
    count, total, squares, digest = 0, np.float64(0), np.float64(0), hashlib.sha256()
    for block in blocks:
        values = block.astype(np.float64)
        count, total, squares = count + len(values), total + values.sum(axis=0), squares + (values**2).sum(axis=0)
        digest.update(np.ascontiguousarray(block).tobytes())
    mean = np.asarray(total / count)
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 0)), digest.hexdigest()


def _read(table: Rows, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    values = np.asarray(table[rows], dtype=np.float32)
    if not np.isfinite(values).all():
        bad = int(rows[np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0]])
        raise InputError(f"row {bad} of the features holds NaN or infinity: embed the image again")
    return values
