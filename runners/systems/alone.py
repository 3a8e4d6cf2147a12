"""One system's answers: neighbours, a ridge or a classifier on the images' vectors."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from runners.decisions.cases import cases_of
from runners.decisions.truths import truths_of
from runners.decisions.tune import decide, fit, tune
from runners.retrieval.search import Neighbours, search
from runners.retrieval.texts import captions_of, reports_of
from runners.retrieval.vote import concept_probabilities
from runners.systems.answers import Answers, corrected, groups_for, probability_file
from runners.systems.features import Images, Material, material_of
from runners.systems.held_out import Rows, answers_held_out
from runners.systems.plan import SystemPlan
from tasks.nouns import Task
from tasks.probabilities import Probabilities, write_probabilities

_SECONDS = 10.0
"""An epoch is told of when nothing was for so long, or when it is a network's last."""


def answers_alone(plan: SystemPlan, folder: Path, console: Console) -> Answers:
    """Answer all images; probabilities of the images tuned on and asked about are written into `folder`."""
    material = material_of(plan, console)
    pool = material.learn + material.tune if plan.config.learn.refit and not plan.validates else material.learn
    if plan.config.task is Task.CONCEPTS:
        return _concepts(plan, material, pool, folder, console)
    near = _near(plan, material.asked, pool)
    config = plan.config.retrieval
    assert config is not None  # other methods are of task 1
    references: list[Any] = [example.reference for example in pool.examples]
    values = (captions_of if plan.config.task is Task.CAPTIONS else reports_of)(near, references, config=config)
    return Answers(dict(zip(material.asked.ids, values, strict=True)), material.failures)


def _concepts(plan: SystemPlan, material: Material, pool: Images, folder: Path, console: Console) -> Answers:
    tuning = _probabilities(plan, material.tune, material.learn, folder / "classifier", console)
    tuning = corrected(plan, write_probabilities(probability_file(folder, plan.tune.split), tuning))
    truths = truths_of(plan.tune.concepts, tuning)
    groups, decision, seed = groups_for(plan, tuning), plan.config.decision, plan.config.seed
    tuned = tune(tuning, truths, decision, groups=groups, seed=seed)
    if plan.validates:
        cases = cases_of(tuning, truths)

        def answer(learned: Rows, asked: Rows) -> list[tuple[str, ...]]:
            fitted = fit(cases.rows(learned), decision, groups=[groups[row] for row in learned], seed=seed)
            return decide(tuning.rows([tuning.ids[row] for row in asked]), fitted)

        answers = answers_held_out(groups, folds=decision.folds, seed=seed, answer=answer)
        return Answers(dict(zip(tuning.ids, answers, strict=True)), material.failures, tuned)
    fitted = folder / ("classifier" if pool is material.learn else "classifier-refit")
    asked = _probabilities(plan, material.asked, pool, fitted, console)
    asked = corrected(plan, write_probabilities(probability_file(folder, plan.config.data.split), asked))
    return Answers(dict(zip(asked.ids, decide(asked, tuned.fitted), strict=True)), material.failures, tuned)


def _probabilities(plan: SystemPlan, asked: Images, pool: Images, fitted: Path, console: Console) -> Probabilities:
    labels = _concept_lists(pool)
    if plan.config.retrieval is not None:
        near = _near(plan, asked, pool)
        return concept_probabilities(near, labels, ids=asked.ids, config=plan.config.retrieval)
    if plan.config.ridge is not None:
        from runners.ridge.fit import fit_ridge

        return fit_ridge(pool.vectors, labels, plan.config.ridge).probabilities(asked.vectors, asked.ids)
    from runners.classifier.fit import fit as fit_heads

    config = plan.config.classifier
    assert config is not None
    backbone, rows = None, (pool.vectors, asked.vectors)
    if config.finetune:
        backbone, rows = _pixels(plan, (pool, asked))

    told = time.monotonic()

    def tell(line: str) -> None:
        nonlocal told
        if f"epoch {config.epochs} of" in line or time.monotonic() - told > _SECONDS:
            told = time.monotonic()
            console.print(line, highlight=False, markup=False, soft_wrap=True)

    heads = fit_heads(
        rows[0],
        labels,
        config,
        seed=plan.config.seed,
        folder=fitted,
        backbone=backbone,
        tell=tell,
    )
    return heads.probabilities(rows[1], asked.ids)


def _pixels(plan: SystemPlan, sides: Sequence[Images]) -> tuple[Any, tuple[Any, ...]]:
    """The encoder's network, and the images as it takes them."""
    from runners.classifier import rows
    from runners.embedding.encoders import load_encoder

    encoder = load_encoder(plan.config.encoders[0])  # finetune has one
    return encoder.network, tuple(
        rows.Images([e.image for e in side.examples], side.ids, encoder.prepare) for side in sides
    )


def _near(plan: SystemPlan, asked: Images, pool: Images) -> Neighbours:
    config = plan.config.retrieval
    assert config is not None
    apart = _labels(plan, asked), _labels(plan, pool)
    there, ours = pool.vectors, asked.vectors
    if config.space == "labels":
        from runners.retrieval.labels import label_space

        there, ours = label_space(there, ours, _concept_lists(pool))
    return search(ours, there, k=config.k, how=config.search, apart=apart, duplicates=config.duplicates)


def _labels(plan: SystemPlan, images: Images) -> list[Hashable]:
    """What two images must not share to be neighbours."""
    if plan.config.retrieval is not None and plan.config.retrieval.apart == "group":
        groups = {**plan.learn.groups, **plan.tune.groups, **plan.asked_groups}
        return [groups.get(image_id, image_id) for image_id in images.ids]
    return list(images.ids)


def _concept_lists(images: Images) -> list[tuple[str, ...]]:
    """The CUIs of each image."""
    return [e.reference if isinstance(e.reference, tuple) else () for e in images.examples]
