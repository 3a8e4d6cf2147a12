"""Runs on disk -> what a paper is made of.

material = read_material([Path("submissions/concept_detection/base"), Path("submissions/concept_detection/lora")])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.comparison.runs import read_systems, scored_as
from evaluation.comparison.systems import Comparisons, compare_systems
from evaluation.concepts.groups import MODALITIES, kinds
from evaluation.inputs.arguments import Inputs, read_inputs
from evaluation.inputs.names import names_of
from evaluation.inputs.references import References
from evaluation.inputs.run_folders import Run, read_run
from evaluation.paper.bibliography import tags_of
from evaluation.paper.checklist import answers_of
from evaluation.paper.facts import facts_of
from evaluation.paper.material import PaperMaterial
from evaluation.score import score_systems
from evaluation.scores import Scores
from tasks.datasets import open_dataset
from tasks.datasets.table import read_table
from tasks.editions import load_edition
from tasks.ids import require_same
from tasks.nouns import InputError, Value
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
    for run in runs:
        _whole(run)
    _same(runs)
    _same_images(runs)
    for run in {run.record["data"]["path"]: run for run in runs}.values():
        _at_hand(run)
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
        modalities=_modalities(asked.gold),
        training=_trainings(asked.names, runs),
    )


def _whole(run: Run) -> None:
    """InputError when a part of the record that a paper says is not as the program writes it."""
    try:
        facts_of(run.record), answers_of(run), list(tags_of(run.record)), _used(run.record)
        {str(one["image_id"]): str(one["reason"]) for one in run.record.get("failures") or ()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{run.folder}/run.json is not as this program writes it ({what}): see git or a copy"
        ) from None


def _same(runs: Sequence[Run]) -> None:
    first = runs[0]
    if len({run.folder.resolve() for run in runs}) < len(runs):
        raise InputError("a run is named twice: name each once")
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


def _same_images(runs: Sequence[Run]) -> None:
    ids = [list(read_table(run.folder / "predictions.csv").rows) for run in runs]
    for run, others in zip(runs, ids, strict=True):
        require_same(runs[0].folder, ids[0], run.folder, others)


def _at_hand(run: Run) -> None:
    """InputError when the data set of a run is not where it was."""
    try:
        open_dataset(run.record["data"]["path"])
    except InputError as error:
        raise InputError(f"{run.folder}: {error}; or put it, or a link to it, where it was") from None


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
    names = names_of([run.folder for run in runs])
    answers = {}
    for name, run in zip(names, runs, strict=True):
        edition = load_edition(run.edition, run.task)
        answers[name] = read_submission(run.folder / edition.zip_member, edition=edition)
    return PaperMaterial(
        runs=tuple(runs),
        names=names,
        gold=None,
        answers=answers,
        comparisons=None,
        scores=(),
        modalities={},
        training=_trainings(names, runs),
    )


def _modalities(gold: References) -> dict[str, str]:
    """By the true concepts of the images, where the data set has them."""
    concepts = gold.concepts_of_data()
    return kinds([image_id for image_id in gold.values if image_id in concepts], concepts, MODALITIES)


def _trainings(names: Sequence[str], runs: Sequence[Run]) -> dict[str, Path]:
    """A training's folder holds the adapter or the model that it left."""
    found = {}
    for name, run in zip(names, runs, strict=True):
        folders = [Path(path).parent for path in _used(run.record) if path]
        folder = next((folder for folder in folders if (folder / "training.json").is_file()), None)
        if folder is not None:
            found[name] = folder
    return found


def _used(record: Mapping[str, Any]) -> list[str | None]:
    """Where the adapters and the model of a run lay."""
    adapters = [adapter["path"] for adapter in record.get("adapters") or ()]
    return [*adapters, (record.get("base") or {}).get("name")]
