"""What is learnt from: examples with a reference, their answers, and what is held back to choose by.

    material = read_material(config)                    # train and valid, audited; InputError on leaks
    material.audit["train"]["images"]                   # 1600
    samples_of(material, config, config.stages[0])[0]
    # Sample(Example("..._train_0", ...), "Which medical concepts ...?", "X-Ray Computed Tomography; Chest")

Examples hold paths, not pixels: 100,000 of them with captions take some 200 MB, and nothing here opens an image but to
hash its bytes. Left out of the training set, and counted in `audit`, are images without a reference, those whose
reference says nothing, and those whose answer a run's parser would misread. Validation keeps every reference as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runners.plan import vocabulary_files, with_views
from runners.prompts import prompts_of
from runners.training.audit import Side, counted, find_duplicates, find_leaks, hash_images, read_groups, refuse_leaks
from runners.training.config import Stage, TrainConfig
from runners.training.hold_out import hold_out
from runners.training.targets import Targets
from tasks.concepts import Vocabulary
from tasks.datasets import DataSet, open_dataset
from tasks.datasets.groups import context_of
from tasks.editions import Edition, load_edition
from tasks.nouns import Example, InputError


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing to learn."""

    example: Example
    prompt: str
    """Variables filled in."""
    answer: str
    """What the model must write."""


@dataclass(frozen=True)
class Material:
    """Training and validation, found, filtered and audited."""

    train: Sequence[Example]
    """Every one has an answer."""
    valid: Sequence[Example]
    """Every one has a reference, as the data set gives it."""
    vocabulary: Vocabulary | None
    """In task 1, and where a prompt names concepts."""
    edition: Edition
    dataset: DataSet
    audit: Mapping[str, Any]
    """Counts and what was found, for training.json: layout, notes, train, valid, concepts, groups, leaks."""


def read_material(config: TrainConfig) -> Material:
    """The examples of a training; InputError when there are none, or when validation is not held back."""
    edition, dataset = load_edition(config.edition, config.task), open_dataset(config.data.path)
    files = _files(config, dataset)
    vocabulary = Vocabulary.load(files) if files else None
    given = dataset.examples(config.task, config.data.train)[: config.data.limit]
    given = with_views(given, config.data.views, split=config.data.train)
    asked = _validation(config, dataset)
    learnt = _with_reference(given, config.data.train)
    checked = _with_reference(asked, config.data.valid) if asked is not None else []
    groups = read_groups(config.data.groups, [*learnt, *checked])
    hashes = hash_images(_each_image([*learnt, *checked]), dataset.root)
    if config.data.hold_out is not None and asked is None:
        side = Side.of(learnt, hashes, groups)
        learnt, checked = hold_out(learnt, side, share=config.data.hold_out, seed=config.seed)
    targets = _targets(config, learnt, vocabulary=vocabulary, dataset=dataset)
    train, left_out = _answerable(learnt, targets)
    ours, theirs = Side.of(train, hashes, groups), Side.of(checked, hashes, groups)
    leaks = find_leaks(ours, theirs)
    if not config.data.allow_leaks:
        refuse_leaks(leaks)
    held_out = f"{config.data.hold_out} of {config.data.train}"
    audit = {
        "layout": dataset.layout,
        "notes": [*dataset.notes, *_notes(targets)],
        "train": {"split": config.data.train, **_counts(train, ours), **_without_reference(given), **left_out},
        "valid": {
            "split": held_out if asked is None else config.data.valid,
            **_counts(checked, theirs),
            **_without_reference(asked or ()),
        },
        "concepts": _concepts(targets),
        "groups": config.data.groups,
        "leaks": {"allowed": config.data.allow_leaks, **leaks},
    }
    return Material(train, checked, vocabulary, edition, dataset, audit)


def samples_of(material: Material, config: TrainConfig, stage: Stage) -> list[Sample]:
    """What a stage learns, in the order of the data; InputError when its filter leaves nothing."""
    with_context = stage.data == "with_context"
    wanted = [e for e in material.train if stage.data == "all" or bool(context_of(e)) == with_context]
    if not wanted:
        have = sum(bool(context_of(example)) for example in material.train)
        raise InputError(
            f"stages, {stage.name}: {stage.data} leaves no image: {have} of the {len(material.train)} to train on "
            "have context, which context.csv beside the reports gives: choose another filter"
        )
    prompts = prompts_of(stage.prompt or config.prompt, wanted, task=config.task, vocabulary=material.vocabulary)
    targets = _targets(config, material.train, vocabulary=material.vocabulary, dataset=material.dataset)
    return [
        Sample(example, prompt, answer)
        for example, prompt in zip(wanted, prompts, strict=True)
        if (answer := targets.answer(example.reference))
    ]


def _targets(
    config: TrainConfig, train: Sequence[Example], *, vocabulary: Vocabulary | None, dataset: DataSet
) -> Targets:
    files = _files(config, dataset)
    return Targets.of(config.target, task=config.task, vocabulary=vocabulary, files=files, train=train)


def _files(config: TrainConfig, dataset: DataSet) -> list[Path]:
    """The vocabulary files that the task or the prompt of a stage needs."""
    prompts = [config.prompt, *(stage.prompt for stage in config.stages if stage.prompt)]
    data = config.data
    return vocabulary_files(data.path, data.vocabulary, task=config.task, prompts=prompts, dataset=dataset)


def _validation(config: TrainConfig, dataset: DataSet) -> list[Example] | None:
    """The validation split; None where a part of the training images is to be held out for it."""
    splits = dataset.splits(config.task)
    valid, share = config.data.valid, config.data.hold_out
    if dataset.has(config.task, valid):
        if share is not None:
            raise InputError(
                f"data.hold_out has no effect: {dataset.root} has a split '{valid}': set data.hold_out to null, or "
                "data.valid to a name that no split has"
            )
        return with_views(dataset.examples(config.task, valid), config.data.views, split=valid)
    if share is None:
        raise InputError(
            f"{dataset.root} has no split '{valid}' for {config.task} (it has {', '.join(splits)}): choose one with "
            "data.valid, or hold back a part of the training images with data.hold_out=0.1"
        )
    return None


def _with_reference(examples: Sequence[Example], split: str) -> list[Example]:
    found = [example for example in examples if example.reference is not None]
    if not found:
        raise InputError(f"split '{split}' has {len(examples)} images and no reference: choose another, or add a table")
    return found


def _each_image(examples: Sequence[Example]) -> list[Example]:
    """An example for each image, so that further views that cannot be read are told before the training starts."""
    return [replace(e, image=image, views=()) for e in examples for image in e.images]


def _without_reference(examples: Sequence[Example]) -> dict[str, int]:
    return {"without_reference": sum(example.reference is None for example in examples)}


def _answerable(examples: Sequence[Example], targets: Targets) -> tuple[list[Example], dict[str, Any]]:
    """The examples that have an answer, and what is left out."""
    answers = [targets.answer(example.reference) for example in examples]
    found = [example for example, answer in zip(examples, answers, strict=True) if answer]
    empty = [example.image_id for example, answer in zip(examples, answers, strict=True) if answer == ""]
    misread = [example.image_id for example, answer in zip(examples, answers, strict=True) if answer is None]
    if not found:
        raise InputError(
            f"none of {len(examples)} training images has an answer to learn: {len(empty)} references are empty or "
            f"hold no concept of the vocabulary, {len(misread)} would be misread: are data.vocabulary and target right?"
        )
    return found, {"empty": counted(empty), "misread": counted(misread)}


def _counts(examples: Sequence[Example], side: Side) -> dict[str, Any]:
    """What is said of both sides."""
    return {
        "images": len(examples),
        "with_context": sum(bool(context_of(example)) for example in examples),
        "with_views": sum(bool(example.views) for example in examples),
        "groups": len({group for group in side.groups if group is not None}),
        "without_group": side.groups.count(None),
        "duplicates": find_duplicates(side),
    }


def _concepts(targets: Targets) -> dict[str, Any]:
    """CUIs that are not written by name, and those that are not learnt, the most frequent first."""
    return {"written_as_cui": counted(targets.coded), "outside_vocabulary": counted(list(targets.unknown))}


def _notes(targets: Targets) -> list[str]:
    """What a user should know about how the data was used."""
    if not targets.unknown:
        return []
    return [
        f"{len(targets.unknown)} CUIs of the training references, {sum(targets.unknown.values())} mentions, are in no "
        "vocabulary file and not learnt, as no run could answer them: rows with these CUIs, even without a name, in a "
        "file of data.vocabulary (of the run's config too) change that"
    ]
