"""The training images most like each image asked about, with their answers: {{ neighbours }} of a prompt.

find_neighbours(prompt.neighbours, examples, task=Task.CAPTIONS, vocabulary=None)["..._test_0"][0].answer
# "Axial CT of the chest showing a nodule in the left upper lobe."
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runners import config
from runners.prompts.names import names
from tasks.concepts import Vocabulary
from tasks.datasets import DataSet, open_dataset
from tasks.nouns import Example, InputError, Report, Task, Value
from tasks.reports import format_report
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
    """Image id -> its neighbours, the nearest first; InputError when data and embeddings do not fit together."""
    from runners.prompts.embeddings import nearest, read_embeddings

    dataset = open_dataset(asked.data)
    training = _Training(dataset, asked.split, vocabulary)
    ids = [example.image_id for example in examples]
    found = nearest(
        read_embeddings(Path(asked.embeddings), asked.split),
        read_embeddings(Path(asked.asked), examples[0].split),
        ids,
        count=asked.count,
    )
    return {
        image_id: tuple(Neighbour(other, similarity, task, training) for other, similarity in near)
        for image_id, near in zip(ids, found, strict=True)
    }
