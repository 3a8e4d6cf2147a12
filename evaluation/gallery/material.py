"""What a gallery shows: the answers of one or two finished runs, their scores, and what their data set knows.

material = read_material([Path("submissions/caption_prediction/base"), Path("submissions/caption_prediction/lora")])
material.names, len(material.ids)               # (("base", "lora"), 400)
material.failures[1]                            # {"..._valid_17": "out of memory"}
material.scores[0].scores["rouge1"].per_image   # of material.scores[0].ids; material.scores is () without references
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from evaluation.doubts import merged
from evaluation.inputs.common import require_same_images
from evaluation.inputs.names import names_of
from evaluation.inputs.references import References
from evaluation.inputs.run_folders import Run, read_run
from evaluation.inputs.runs import read_split, references_of_run, resume_command
from evaluation.inputs.stated import with_stated
from evaluation.metrics.concept_f1 import Cuis
from evaluation.score import score_systems
from evaluation.scores import Scores
from tasks.concepts import COMMON_NAMES, Vocabulary
from tasks.editions import load_edition
from tasks.nouns import ImageSource, InputError, Task, Value
from tasks.restricted import restriction_of
from tasks.submission import read_submission


@dataclass(frozen=True)
class Known:
    """What the data set of a run knows of the images."""

    gold: References | None = None
    """None when it has no references for them, or cannot be read."""
    images: Mapping[str, tuple[ImageSource, ...]] = field(default_factory=dict)
    """Image id -> all views."""
    concepts: Mapping[str, Cuis] = field(default_factory=dict)
    """The true concepts, whatever the task; empty when they are not known."""
    manual: Mapping[str, Cuis] = field(default_factory=dict)
    """Those that people chose, for the secondary score."""
    vocabulary_files: tuple[Path, ...] = ()
    restricted: str = ""
    """Why it may not be passed on; empty for free data."""
    unread: str = ""
    """Why nothing is known; empty when the data set was read."""


@dataclass(frozen=True)
class Material:
    """One or two runs of a task over the same images."""

    runs: tuple[Run, ...]
    names: tuple[str, ...]
    ids: tuple[str, ...]
    """The images that are shown, in the order of the first run."""
    answers: tuple[Mapping[str, Value], ...]
    """Of each run, what its submission holds."""
    known: Known
    scores: tuple[Scores, ...]
    """Of each run; empty without references."""
    notes: tuple[str, ...] = ()
    """What has to be said of the images and scores."""

    @property
    def task(self) -> Task:
        return self.runs[0].task

    @property
    def failures(self) -> tuple[dict[str, str], ...]:
        """Of each run, image id -> why it failed."""
        return tuple({f["image_id"]: f["reason"] for f in run.record.get("failures", ())} for run in self.runs)

    @property
    def references(self) -> Mapping[str, Value]:
        return self.known.gold.values if self.known.gold else {}

    @property
    def restricted(self) -> str:
        """Why what is shown may not be passed on; empty when nothing says so."""
        marks = (restriction_of(run.folder) for run in self.runs)
        return self.known.restricted or next(filter(None, marks), "")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The names of concepts, with everyday names of modalities and regions."""
        return Vocabulary.load([*self.known.vocabulary_files, COMMON_NAMES])


def read_material(folders: Sequence[Path], *, intersection: bool = False) -> Material:
    """The runs in one or two folders; InputError unless they answered the same images.

    `intersection` takes those that both answered.
    """
    for folder in folders:
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise InputError(f"{folder} {what}: give the folder of a finished run")
    runs = tuple(map(read_run, folders))
    if len(runs) > 1:
        _require_alike(*runs)
    answers = tuple(map(_answers, runs))
    ids, chosen = _common(runs, answers, intersection=intersection)
    known, said = _known(runs, ids)
    scores = _scores(runs[0], answers, known.gold) if known.gold else ()
    said = [[*own, *(scores[n].warnings if scores else ())] for n, own in enumerate(said)]
    names = names_of(folders)
    return Material(runs, names, ids, answers, known, scores, (*chosen, *merged(names, said)))


def _answers(run: Run) -> Mapping[str, Value]:
    """What the submission holds; reports with the labels and codes that the journal has for them."""
    edition = load_edition(run.edition, run.task)
    path = run.folder / edition.zip_member
    answers = read_submission(path, edition=edition)
    if not answers:
        raise InputError(f"{path} holds no answers: resume the run, or give another: {resume_command(run.record)}")
    return with_stated(answers, run.folder) if run.task is Task.REPORTS else answers


def _require_alike(one: Run, other: Run) -> None:
    for what, ours, theirs in (("task", one.task, other.task), ("edition", one.edition, other.edition)):
        if ours != theirs:
            raise InputError(
                f"{one.folder} is a run of {what} {ours}, {other.folder} of {theirs}: give runs of one {what}"
            )
    if one.folder.resolve() == other.folder.resolve():
        raise InputError(f"{other.folder} is given twice: give another run beside it, or it alone")


def _common(
    runs: Sequence[Run], answers: Sequence[Mapping[str, Value]], *, intersection: bool
) -> tuple[tuple[str, ...], list[str]]:
    """The images to show, and what has to be said of the choice."""
    first, *others = answers
    if not others:
        return tuple(first), []
    if not intersection:
        require_same_images(runs[0].folder, tuple(first), runs[1].folder, tuple(others[0]))
    ids = tuple(i for i in first if i in others[0])
    if not ids:
        raise InputError(f"{runs[0].folder} and {runs[1].folder} have no image in common: give runs over one split")
    if len(ids) == len(first) == len(others[0]):
        return ids, []
    names = names_of([run.folder for run in runs])
    counts = " and ".join(f"the {len(own)} of {name}" for own, name in zip(answers, names, strict=True))
    return ids, [f"only the {len(ids)} images that both runs answered, of {counts}"]


def _known(runs: Sequence[Run], ids: Sequence[str]) -> tuple[Known, list[Sequence[str]]]:
    """What the data set of the first run knows of the images, and what has to be said of each run's references.

    Nothing is known when a data set is no longer where the run found it.
    """
    task, split = runs[0].task, runs[0].split
    try:
        reading = cache(read_split)
        dataset, examples = reading(runs[0].record["data"]["path"], task, split)
        golds = [gold and gold.of_ids(ids) for gold in (references_of_run(run.folder, reading) for run in runs)]
    except InputError as error:
        return Known(unread=str(error)), [() for _ in runs]
    _require_same_references(runs, golds, ids)
    known = Known(
        golds[0] if golds[0] and golds[0].values else None,
        {image_id: example.images for image_id, example in examples.items()},
        golds[0].concepts_of_data() if golds[0] else {},
        dataset.secondary(split),
        dataset.vocabulary_files,
        dataset.restricted,
    )
    return known, [gold.warnings if gold else () for gold in golds]


def _require_same_references(runs: Sequence[Run], golds: Sequence[References | None], ids: Sequence[str]) -> None:
    """InputError when the runs were made from data with other references for an image."""
    first, *others = [gold.values if gold else {} for gold in golds]
    for run, other in zip(runs[1:], others, strict=True):
        changed = next((i for i in ids if first.get(i) != other.get(i)), None)
        if changed is not None:
            raise InputError(
                f"{changed} has another reference in the data of {runs[0].folder} than in that of {run.folder}: "
                "give runs over the same data"
            )


def _scores(run: Run, answers: Sequence[Mapping[str, Value]], gold: References) -> tuple[Scores, ...]:
    """The scores of each run on the images that have a reference, as far as no model is needed."""
    systems = [{i: one[i] for i in gold.values} for one in answers]
    return tuple(score_systems(systems, gold, task=run.task, edition=load_edition(run.edition, run.task)))
