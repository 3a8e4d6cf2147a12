"""Runs on disk -> what a paper is made of.

material = read_material([Path("submissions/concept_detection/base"), Path("submissions/concept_detection/lora")])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from evaluation.comparison.runs import read_systems, scored_as
from evaluation.comparison.systems import Comparisons, compare_systems
from evaluation.concepts.groups import MODALITIES, kinds
from evaluation.inputs.arguments import Inputs, read_inputs
from evaluation.inputs.run_folders import Run, read_run
from evaluation.metrics.concept_f1 import Cuis
from evaluation.paper.material import PaperMaterial
from evaluation.score import score_systems
from evaluation.scores import Scores
from tasks.datasets import open_dataset
from tasks.editions import load_edition
from tasks.ids import require_same
from tasks.nouns import InputError, Task, Value
from tasks.submission import read_submission


def read_material(
    folders: Sequence[Path], *, seed: int = 0, trials: int = 1000, how: Mapping[str, Any] | None = None
) -> PaperMaterial:
    """The material of finished runs over the same images; `how` are options of `evaluation.score.score_systems`.

    InputError unless all are of one task, edition and split, and all or none have references.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not the folder of a run: name finished runs")
    runs = tuple(read_run(folder) for folder in folders)
    _same(runs)
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("a run is named twice: name each once")
    bare = [run for run in runs if run.record["data"].get("with_reference") == 0]
    if 0 < len(bare) < len(runs):
        raise InputError(f"{bare[0].folder} has no references and others have some: give runs over the same images")
    if bare:
        return _without_references(runs)
    asked = read_inputs(folders)
    answers, refused = read_systems(asked)
    if refused:
        raise InputError(f"{refused[0].path} is no acceptable submission, so it has no score: imageclef check says why")
    found, scores = _scored(answers, asked, trials=trials, seed=seed, how=how or {})
    return PaperMaterial(
        runs=runs,
        names=asked.names,
        gold=asked.gold,
        answers=answers,
        comparisons=found,
        scores=scores,
        modalities=_modalities(runs[0], asked.gold.values),
        training=_trainings(asked.names, runs),
    )


def _same(runs: Sequence[Run]) -> None:
    first = runs[0]
    for other in runs[1:]:
        for what, here, there in (
            ("task", first.task, other.task),
            ("edition", first.edition, other.edition),
            ("split", first.split, other.split),
        ):
            if here != there:
                raise InputError(
                    f"{first.folder} is a run of {what} {here}, {other.folder} of {there}: a paper's tables compare "
                    "runs of one task, edition and split; write one folder for each"
                )


def _scored(
    answers: Mapping[str, Mapping[str, Value]], asked: Inputs, *, trials: int, seed: int, how: Mapping[str, Any]
) -> tuple[Comparisons | None, tuple[Scores, ...]]:
    if len(answers) > 1:
        compared = compare_systems(answers, asked.gold, trials=trials, seed=seed, **scored_as(asked), **how)
        return compared, compared.scores
    found = score_systems(
        list(answers.values()), asked.gold, task=asked.task, edition=asked.edition, resamples=trials, seed=seed, **how
    )
    return None, tuple(found)


def _without_references(runs: Sequence[Run]) -> PaperMaterial:
    names = _distinct([run.name for run in runs])
    answers = {}
    for name, run in zip(names, runs, strict=True):
        edition = load_edition(run.edition, run.task)
        answers[name] = read_submission(run.folder / edition.zip_member, edition=edition)
        require_same(runs[0].folder, list(answers[names[0]]), run.folder, list(answers[name]))
    return PaperMaterial(
        runs=tuple(runs),
        names=names,
        gold=None,
        answers=answers,
        comparisons=None,
        scores=(),
        modalities=_modalities(runs[0], answers[names[0]]),
        training=_trainings(names, runs),
    )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        name if names.count(name) == 1 else f"{name} ({names[: k + 1].count(name)})" for k, name in enumerate(names)
    )


def _modalities(run: Run, wanted: Mapping[str, object]) -> dict[str, str]:
    """By the true concepts of the images, where the data set has them."""
    try:
        dataset = open_dataset(run.record["data"]["path"])
        examples = dataset.examples(Task.CONCEPTS, run.split)
    except InputError:
        return {}
    concepts = {e.image_id: cast(Cuis, e.reference) for e in examples if e.reference is not None}
    known = [image_id for image_id in wanted if image_id in concepts]
    return kinds(known, concepts, MODALITIES)


def _trainings(names: Sequence[str], runs: Sequence[Run]) -> dict[str, Path]:
    """A training's folder holds the adapter or the model that it left."""
    found = {}
    for name, run in zip(names, runs, strict=True):
        used = [
            *(adapter["path"] for adapter in run.record.get("adapters", ())),
            run.record.get("base", {}).get("name"),
        ]
        folders = [Path(path).parent for path in used if path]
        folder = next((folder for folder in folders if (folder / "training.json").is_file()), None)
        if folder is not None:
            found[name] = folder
    return found
