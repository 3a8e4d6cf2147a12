"""Embeddings on disk, and the training images that are most like each image asked about.

A folder holds `<split>.npy`, images x dimensions in float16 or float32, and `<split>.ids.txt`, the image ids in the
order of the rows, one a line:

    train, asked = read_embeddings(Path("emb"), "train"), read_embeddings(Path("emb"), "test")
    nearest(train, asked, ["..._test_0"], count=3)    # [(("..._train_7", 0.93), ("..._train_2", 0.91), ...)]

Likeness is the cosine. Vectors are brought to length 4,000 and rounded to whole numbers, so that every sum in a float32
product stays below 2^24 and is exact: blocks, threads and processors change nothing, and copies of an image tie. The
rounding moves a cosine by some 1e-4. Of equally near images the one with the smaller id goes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.nouns import InputError

_LENGTH = 4000
_TRAIN_BLOCK, _ASKED_BLOCK = 4096, 1024
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Embeddings:
    """Vectors of a split's images; they stay on disk until a block of them is needed."""

    path: Path
    vectors: NDArray[Any]
    """Images x dimensions, mapped from the file."""
    ids: tuple[str, ...]
    """Image id of each row."""

    def block(self, rows: NDArray[np.intp] | slice) -> NDArray[np.float32]:
        """These rows, each brought to length 4,000 and rounded; InputError when one has no direction."""
        vectors = self.vectors[rows].astype(np.float64)
        lengths = np.sqrt((vectors * vectors).sum(axis=1))
        bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
        if bad.size:
            row = int(np.arange(len(self.ids))[rows][bad[0]])
            raise InputError(
                f"{self.path}: row {row} ({self.ids[row]}) holds NaN, infinity or zeros alone: embed the image again"
            )
        rounded: NDArray[np.float32] = np.rint(vectors * (_LENGTH / lengths)[:, None]).astype(np.float32)
        return rounded


def read_embeddings(folder: Path, split: str) -> Embeddings:
    """The embeddings of a split; InputError when the two files are missing, damaged or do not agree."""
    path, listing = folder / f"{split}.npy", folder / f"{split}.ids.txt"
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        ids = tuple(listing.read_text(encoding="utf-8-sig").splitlines())
    except OSError as error:
        raise InputError(
            f"{error.filename or path} cannot be read ({error.strerror or error}): embeddings are {split}.npy and "
            f"{split}.ids.txt in one folder"
        ) from None
    except (ValueError, EOFError) as error:
        raise InputError(f"{folder}: {split}.npy or {split}.ids.txt is damaged ({error}): write both again") from None
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.size:
        raise InputError(f"{path}: embeddings are a table, images x dimensions, of float16 or float32 numbers")
    if len(ids) != len(vectors):
        raise InputError(f"{listing}: {len(ids)} ids for {len(vectors)} rows of {path.name}: give each row its id")
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f"{listing}: {twice!r} stands twice: keep one row for each image")
    return Embeddings(path, vectors, ids)


def nearest(
    train: Embeddings, asked: Embeddings, ids: Sequence[str], *, count: int
) -> list[tuple[tuple[str, float], ...]]:
    """For each of `ids`, the `count` most similar images of `train` with their cosines, the nearest first.

    Never an image with the same id, nor one whose vector is the same: that is the image itself under another name, and
    would give its answer away. Memory: some 150 MB beside the files, whatever the number of images. 100,000 training
    images and 20,000 asked, of 768 dimensions in float16, took 141 MB and 104 s on one busy core.
    """
    if train.vectors.shape[1] != asked.vectors.shape[1]:
        raise InputError(
            f"{train.path} has {train.vectors.shape[1]} dimensions, {asked.path} {asked.vectors.shape[1]}: embed both "
            "with one model"
        )
    place = {image_id: row for row, image_id in enumerate(asked.ids)}
    if missing := [image_id for image_id in ids if image_id not in place]:
        raise InputError(f"{asked.path}: no embedding of {len(missing)} images, such as {missing[0]}: embed them too")
    rows = np.array([place[image_id] for image_id in ids], dtype=np.intp)
    best = _best_keys(train, asked, rows, ids, count)
    if (best == _NEVER).any():
        raise InputError(f"{train.path}: fewer than {count} other images: embed more, or lower prompt.neighbours.count")
    similarity, place_of = np.divmod(best, len(train.ids))
    by_id = sorted(train.ids, reverse=True)
    return [
        tuple((by_id[n], min(score / _LENGTH**2, 1.0)) for score, n in zip(scores, places, strict=True))
        for scores, places in zip(similarity.tolist(), place_of.tolist(), strict=True)
    ]


def _best_keys(
    train: Embeddings, asked: Embeddings, rows: NDArray[np.intp], ids: Sequence[str], count: int
) -> NDArray[np.int64]:
    """Keys of the `count` best for each row asked, the best first; a key orders by product, then by id.

    key = product x number of training images + place of the id, counted from the last: no two are equal.
    """
    best = np.full((len(rows), count), _NEVER)
    row_of = {image_id: row for row, image_id in enumerate(train.ids)}
    own = np.array([row_of.get(image_id, -1) for image_id in ids])
    places = np.empty(len(train.ids), dtype=np.int64)
    places[sorted(range(len(train.ids)), key=train.ids.__getitem__, reverse=True)] = np.arange(len(train.ids))
    for start in range(0, len(train.ids), _TRAIN_BLOCK):
        part = slice(start, min(start + _TRAIN_BLOCK, len(train.ids)))
        theirs = train.block(part)
        for first in range(0, len(rows), _ASKED_BLOCK):
            some = slice(first, first + _ASKED_BLOCK)
            ours = asked.block(rows[some])
            keys = np.empty((len(ours), count + len(theirs)), dtype=np.int64)
            keys[:, :count] = best[some]
            keys[:, count:] = _keys(ours, theirs, places=places[part], own=own[some] - start, number=len(train.ids))
            keys.partition(len(theirs), axis=1)
            best[some] = keys[:, -count:]
    return np.sort(best, axis=1)[:, ::-1]


def _keys(
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    *,
    places: NDArray[np.int64],
    own: NDArray[np.int64],
    number: int,
) -> NDArray[np.int64]:
    """Keys of one block against another; `own` is the column of the image itself, where it has one here."""
    products = ours @ theirs.T
    # |a|^2 = |b|^2 = ab only where a = b.
    same = (products == (ours * ours).sum(axis=1)[:, None]) & (products == (theirs * theirs).sum(axis=1))
    keys = products.astype(np.int64)
    keys *= number
    keys += places
    keys[same] = _NEVER
    here = np.flatnonzero((own >= 0) & (own < len(theirs)))
    keys[here, own[here]] = _NEVER
    return keys
