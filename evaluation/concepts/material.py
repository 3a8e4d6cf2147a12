"""What a report on a concept submission is made from: answers, truths, what there was to learn from, probabilities.

material = read_material(Path("submissions/concept_detection/knn"))
material.f1.value, material.training.n      # 0.9191, 840
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from evaluation.concepts.counts import labels_of
from evaluation.inputs.arguments import Inputs, read_accepted, read_inputs
from evaluation.inputs.references import References, references_of_files
from evaluation.inputs.runs import read_record
from evaluation.metrics.concept_f1 import EMPTY, Cuis, Labels, Overlap, numbered
from evaluation.profiles import profile_of
from evaluation.score import score_systems
from evaluation.scores import Score, Scores
from evaluation.statistics import Array, Statistics
from tasks.check import Check
from tasks.datasets import open_dataset
from tasks.datasets.dataset import ALIASES, split_of
from tasks.editions import Edition
from tasks.nouns import InputError, Task, Value
from tasks.probabilities import Probabilities, read_probabilities


@dataclass(frozen=True, eq=False)
class Material:
    """A submission with all that is known of its images; labels have the same numbers everywhere."""

    name: str
    scores: Scores
    """Its primary score."""
    gold: References
    answers: Mapping[str, Cuis]
    skips_empty: bool
    """Whether the edition leaves images without a true concept out of the mean."""
    cuis: Sequence[str]
    """Number -> label."""
    truths: Labels
    """Of the images in `scores.ids`, as all labels and probabilities but those of training."""
    ours: Labels
    before: Labels | None = None
    """The submission to compare with."""
    scores_before: Scores | None = None
    name_before: str = ""
    training: Labels | None = None
    """The true concepts of the training images."""
    learned_from: str = ""
    """The split and source of `training`, or why there is none."""
    probabilities: Probabilities | None = None
    """A row for each image, all 0 where the system gave none."""
    probable: str = ""
    """The file of `probabilities`, or why there is none."""

    @property
    def f1(self) -> Score:
        """The primary score, that of `imageclef score`."""
        return self.scores.scores["f1"]

    @property
    def skipped(self) -> npt.NDArray[np.bool_]:
        """The images that the edition's evaluator leaves out of the mean."""
        return np.isnan(self.f1.per_image)

    @property
    def together(self) -> list[str] | None:
        """The article or patient of each image; None when images are taken as independent."""
        return [self.gold.groups.get(i, i) for i in self.scores.ids] if self.gold.groups else None

    @property
    def support(self) -> npt.NDArray[np.int64] | None:
        """Label number -> training images that have it, 0 for the empty label; None when those are not known."""
        return None if self.training is None else self.training.concepts.frequencies.astype(np.int64)

    def mean(self, f1: Array) -> Statistics:
        """The primary score of other answers to the same images, from the F1 of each."""
        return Statistics.mean(np.where(self.skipped, np.nan, f1), in_order=True)


def read_material(
    submission: Path, *, against: Path | None = None, train: Path | None = None, **where: Any
) -> Material | Check:
    """What a report needs, or the check that a submission did not pass; `where` are arguments of `read_inputs`.

    `train` is a label file of what was learned from; without it the run's own data set is asked.
    """
    paths = [submission, *([against] if against else [])]
    asked = read_inputs(paths, task_name=None if any(path.is_dir() for path in paths) else "1", **where)
    if asked.task is not Task.CONCEPTS:
        raise InputError(f"{submission} answers {asked.task}: give a submission of concepts")
    found = [read_accepted(path, edition=asked.edition, gold=asked.gold) for path in asked.files]
    refused = next((one for one in found if isinstance(one, Check)), None)
    if refused is not None:
        return refused
    record = read_record(submission) if submission.is_dir() else None
    training, learned_from = _training(record, asked, train)
    probabilities, probable = (
        (None, "a file has no probabilities: give the run's folder")
        if record is None
        else probabilities_of_run(submission, record)
    )
    material = material_of(
        dict(zip(asked.names, cast(list[Mapping[str, Cuis]], found), strict=True)),
        asked.gold,
        edition=asked.edition,
        training=training,
        learned_from=learned_from,
        probabilities=probabilities,
        probable=probable,
    )
    return replace(material, scores=replace(material.scores, warnings=(*asked.warnings[0], *material.scores.warnings)))


def material_of(
    systems: Mapping[str, Mapping[str, Cuis]],
    gold: References,
    *,
    edition: Edition,
    training: Sequence[Cuis] = (),
    learned_from: str = "",
    probabilities: Probabilities | None = None,
    probable: str = "",
) -> Material:
    """The material on the first of one or two systems (name -> answers), compared with the second.

    `training` holds the concepts of each training image; none when they are not known.
    """
    answers = cast(list[Mapping[str, Value]], list(systems.values()))
    scores = score_systems(answers, gold, task=Task.CONCEPTS, edition=edition, metrics=["f1"])
    if "f1" not in scores[0].scores:
        raise InputError(f"there is no score to analyse: {scores[0].unavailable['f1']}: give other references")
    ids = scores[0].ids
    sides = [[cast(Cuis, side[i]) for i in ids] for side in (gold.values, *answers)]
    aligned = None if probabilities is None else of_images(probabilities, ids, probable)
    numbers = numbered(*sides, training, [aligned.cuis] if aligned else [])
    truths, ours, *before = (Labels.of(side, numbers) for side in sides)
    names = list(systems)
    return Material(
        names[0],
        scores[0],
        gold,
        systems[names[0]],
        profile_of("imageclef", task=Task.CONCEPTS, edition=edition).skips_empty_truth,
        labels_of(numbers),
        truths,
        ours,
        before=before[0] if before else None,
        scores_before=scores[1] if before else None,
        name_before=names[1] if before else "",
        training=Labels.of(training, numbers) if training else None,
        learned_from=learned_from,
        probabilities=aligned,
        probable=probable,
    )


def _training(record: Mapping[str, Any] | None, asked: Inputs, train: Path | None) -> tuple[list[Cuis], str]:
    """The concepts of each training image and where they are from; none, and why, when they are not known."""
    if train is not None:
        gold = references_of_files(train, secondary=None, task=Task.CONCEPTS, edition=asked.edition)
        own = {i: value for i, value in gold.values.items() if split_of(i) == "train"} or gold.values
        if both := [i for i in own if i in asked.gold.values]:
            raise InputError(
                f"{train} holds {len(both)} of the images to score, such as {both[0]}: give those of train"
            )
        cells, source = list(own.values()), str(train)
    elif record is None:
        return [], "what was learned from is not known of a file: add --train FILE, the labels of the training split"
    else:
        config = record.get("config", {})
        path = config.get("learn.path") or record["data"]["path"]
        split = config.get("learn.split") or "train"
        source = f"{split} of {path}"
        try:
            examples = open_dataset(path).examples(Task.CONCEPTS, split)
        except InputError as error:
            return [], f"what was learned from is not known: {error}; or add --train FILE"
        cells = [e.reference for e in examples if e.reference is not None]
    concepts: list[Cuis] = [tuple(cui for cui in cast(Cuis, cell) if cui.strip()) for cell in cells]
    if not any(concepts):
        return [], f"{source} names no concept: add --train FILE, the labels of the training split"
    return concepts, f"{len(concepts)} images of {source}" if train is None else f"{len(concepts)} images in {source}"


def probabilities_of_run(folder: Path, record: Mapping[str, Any]) -> tuple[Probabilities | None, str]:
    """The probabilities of a run and their file's name; None and why when it has none."""
    split = record["data"]["split"]
    path = folder / f"probabilities.{ALIASES.get(split, split)}.npz"
    if not path.exists():
        return None, f"the run has no {path.name}: runs of retrieval, classifiers and ensembles have one"
    return read_probabilities(path), path.name


def of_images(p: Probabilities, ids: Sequence[str], name: str) -> Probabilities:
    """The rows of these images, in this order, 0 where they have none; InputError when the file is of other images."""
    from scipy.sparse import csr_array, vstack  # type: ignore[import-untyped]

    if p.ids == tuple(ids):  # as a rule, and the table may be large
        return p
    place = {image_id: row for row, image_id in enumerate(p.ids)}
    if not any(image_id in place for image_id in ids):
        raise InputError(f"{name} holds none of the images to score, such as {ids[0]}: run again, or give another run")
    filled = vstack([p.matrix, csr_array((1, len(p.cuis)), dtype=np.float32)], format="csr")
    return Probabilities(tuple(ids), p.cuis, filled[[place.get(image_id, len(p)) for image_id in ids]])


def only_true(truths: Labels, numbers: Sequence[int]) -> Overlap:
    """The best answers that are made of these labels alone: those of them that are true."""
    kept = truths.only([EMPTY, *numbers])
    return Overlap(truths.counts, kept.counts, kept.counts)
