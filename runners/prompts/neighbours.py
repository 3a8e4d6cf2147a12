"""The training images most like each image asked about, with their answers: {{ neighbours }} of a prompt.

find_neighbours(prompt.neighbours, examples, task=Task.CAPTIONS, vocabulary=None)["..._test_0"][0].answer
# "Axial CT of the chest showing a nodule in the left upper lobe."
"""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runners import config
from runners.checkpoints import cache_folder
from runners.embedding.store import Embeddings, read_embeddings
from runners.prompts.names import names
from runners.provenance import hash_ids
from runners.retrieval.search import NOBODY, NoDirectionError, search
from runners.retrieval.search import Neighbours as Found
from tasks.concepts import Vocabulary
from tasks.datasets import DataSet, open_dataset
from tasks.files import hash_file, write_whole
from tasks.nouns import Example, InputError, Report, Task, Value
from tasks.reports.text import format_report
from tasks.submission import one_line


class _Training:
    """What is known about the training images; the answers to a task are read when a prompt first shows them."""

    def __init__(self, dataset: DataSet, split: str, vocabulary: Vocabulary | None) -> None:
        self._dataset, self._split, self._vocabulary = dataset, split, vocabulary
        self._answers: dict[Task, dict[str, Value | None]] = {}

    def answer(self, task: Task, image_id: str) -> Value:
        """The reference of an image; InputError when it has none."""
        if task not in self._answers:
            self._answers[task] = {e.image_id: e.reference for e in self._dataset.examples(task, self._split)}
        value = self._answers[task].get(image_id)
        if value is None:
            raise InputError(
                f"prompt.neighbours.data: {self._dataset.root} has no answer of {task} for {image_id}, which has an "
                "embedding: embed the images of this data set and split only"
            )
        return value

    def concepts(self, image_id: str) -> tuple[str, ...]:
        """The names of an image's concepts."""
        value = self.answer(Task.CONCEPTS, image_id)
        where = f"prompt.neighbours.data: {image_id}"
        return names(value, self._vocabulary, where=where) if isinstance(value, tuple) else ()


@dataclass(frozen=True)
class Neighbour:
    """A training image, as a prompt sees it."""

    image_id: str
    similarity: float
    """Cosine."""
    _task: Task
    _training: _Training

    @property
    def answer(self) -> str:
        """Its answer to the run's task: concept names with `; ` between them, a caption, a report."""
        if self._task is Task.CONCEPTS:
            return "; ".join(self.concepts)
        return self.caption if self._task is Task.CAPTIONS else self.report

    @property
    def concepts(self) -> tuple[str, ...]:
        """The names of its concepts."""
        return self._training.concepts(self.image_id)

    @property
    def caption(self) -> str:
        """Its caption on one line."""
        value = self._training.answer(Task.CAPTIONS, self.image_id)
        return one_line(value) if isinstance(value, str) else ""

    @property
    def report(self) -> str:
        """Its findings and impression."""
        value = self._training.answer(Task.REPORTS, self.image_id)
        if not isinstance(value, Report):
            return ""
        return format_report(Report(one_line(value.findings), one_line(value.impression)))

    def __str__(self) -> str:
        return self.answer


def find_neighbours(
    asked: config.Neighbours, examples: Sequence[Example], *, task: Task, vocabulary: Vocabulary | None
) -> Mapping[str, tuple[Neighbour, ...]]:
    """Image id -> its neighbours, the nearest first; InputError when data and embeddings do not fit together.

    Never the image itself, by its id or by its vector, which would give its answer away.
    """
    dataset = open_dataset(asked.data)
    training = _Training(dataset, asked.split, vocabulary)
    ids = [example.image_id for example in examples]
    pool = read_embeddings(Path(asked.embeddings), asked.split)
    found = nearest(pool, read_embeddings(Path(asked.asked), examples[0].split), ids, count=asked.count)
    return {
        image_id: tuple(
            Neighbour(pool.ids[row], likeness, task, training) for row, likeness in zip(rows, likenesses, strict=True)
        )
        for image_id, rows, likenesses in zip(ids, found.rows.tolist(), found.likeness.tolist(), strict=True)
    }


def nearest(pool: Embeddings, asked: Embeddings, ids: Sequence[str], *, count: int) -> Found:
    """The `count` most similar images of `pool` for each of `ids`."""
    place = {image_id: row for row, image_id in enumerate(asked.ids)}
    if missing := [image_id for image_id in ids if image_id not in place]:
        raise InputError(f"{asked.path}: no embedding of {len(missing)} images, such as {missing[0]}: embed them too")
    if pool.vectors.shape[1] != asked.vectors.shape[1]:
        raise InputError(
            f"{pool.path} has {pool.vectors.shape[1]} dimensions, {asked.path} {asked.vectors.shape[1]}: embed both "
            "with one model"
        )
    few = InputError(f"{pool.path}: fewer than {count} other images: embed more, or lower prompt.neighbours.count")
    if count > len(pool.ids):
        raise few
    # Every process of a run plans it anew, and a large search takes half a minute.
    contents = [hash_file(pool.path), hash_ids(pool.ids), hash_file(asked.path), hash_ids(asked.ids), hash_ids(ids)]
    kept = cache_folder() / "neighbours" / f"{hash_ids([*contents, str(count)])}.npz"
    found = _read(kept)
    if found is None:
        found = _search(pool, asked, [place[image_id] for image_id in ids], count=count)
        _write(kept, found)
    if (found.rows == NOBODY).any():
        raise few
    return found


def _search(pool: Embeddings, asked: Embeddings, rows: Sequence[int], *, count: int) -> Found:
    """The search; its error about a vector names the file and the image."""
    ids = [asked.ids[row] for row in rows]
    try:
        return search(asked.vectors[rows], pool.vectors, k=count, apart=(ids, pool.ids), duplicates=1.0)
    except NoDirectionError as error:
        path, image_id = (asked.path, ids[error.row]) if error.side == "asked" else (pool.path, pool.ids[error.row])
        raise InputError(
            f"{path}: the row of {image_id} holds NaN, infinity or zeros alone: embed the image again"
        ) from None


def _read(kept: Path) -> Found | None:
    """What an earlier search found; None where there was none, or its file is damaged."""
    try:
        with np.load(kept, allow_pickle=False) as parts:
            return Found(parts["rows"], parts["likeness"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def _write(kept: Path, found: Found) -> None:
    """Keep what was found, where the cache can be written."""
    file = io.BytesIO()
    np.savez(file, rows=found.rows, likeness=found.likeness)
    with contextlib.suppress(OSError):
        write_whole(kept, file.getvalue())
