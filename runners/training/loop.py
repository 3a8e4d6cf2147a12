"""A training from its config to what a run takes: read, audit, load, stage after stage, save, score, record.

    train(config, "train-sample", Path("trainings/concept_detection/train-sample"), score=score, console=console)
    # -> trainings/concept_detection/train-sample, with adapter/, stages/, checkpoints/, training.json, losses.csv

A training that was stopped goes on where it was: finished stages are read back, the stage under way starts from its
last whole checkpoint, on any number of processes that can share out the same effective batch. A finished one is left
as it is.
"""

from __future__ import annotations

import gc
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from runners.checkpoints import locate
from runners.prompts import prompt_text
from runners.run import locked
from runners.session import choose_accelerator, stoppable
from runners.sharing import Place, place_of
from runners.training.by_heart import by_heart, judged
from runners.training.card import CARD, write_card
from runners.training.collate import Collator
from runners.training.config import TrainConfig
from runners.training.data import Material, read_material, samples_of
from runners.training.evaluate import Evaluator, Scorer, spread
from runners.training.evaluation_callback import EvaluationCallback
from runners.training.launch import for_processes, way
from runners.training.linter import ENOUGH, too_short
from runners.training.masks import count_truncated
from runners.training.network import open_for_training, refuse_unready
from runners.training.parts import count, planned
from runners.training.record import LOSSES, OTHER, Losses, LossLog, Record, new_training, read_training
from runners.training.saving import finished_stages, restore, save_result, save_stage, tensors_of
from runners.training.stages import Work, checksums, plan_stage, require_moved, start_stage
from runners.training.survival import explained, last_checkpoint, require_readable, until_sigterm

if TYPE_CHECKING:
    from runners.training.trainer import StageTrainer


@dataclass
class _Session:
    """One process at work on a training."""

    config: TrainConfig
    name: str
    folder: Path
    place: Place
    material: Material
    score: Scorer | None
    record: Record | None
    """In the first process only."""
    console: Console

    def __post_init__(self) -> None:
        self.open(stages=finished_stages(self.folder, self.config.stages))

    def open(self, *, stages: int) -> None:
        """Take up the base model with what the first `stages` left, whole in every process."""
        for name in ("trainee", "collate", "evaluator"):
            vars(self).pop(name, None)
        gc.collect()  # two networks at once may be too many
        config = self.config
        self.trainee = open_for_training(config)
        restore(self.folder, config.stages[:stages], self.trainee)
        model = self.trainee.model
        self.collate = Collator(model, max_tokens=config.optimization.max_tokens)
        self.evaluator = None if self.score is None else Evaluator(model, self.material, config, self.score)

    def say(self, text: str) -> None:
        """Print as it stands, once for all processes."""
        if self.record is not None:
            self.console.print(text, soft_wrap=True, highlight=False, markup=False)


def train(
    config: TrainConfig,
    name: str,
    folder: Path,
    *,
    score: Scorer | None,
    console: Console,
    overfit: int | None = None,
) -> Path:
    """Train as `config` says into `folder`, or go on with what was begun there; returns `folder`.

    `score` gives the scores of predictions; None: nothing is evaluated. With `overfit` the model learns that many
    images by heart, and is evaluated on them.

    Raises InputError when something given cannot be used, TrainingStopped when the training cannot go on as it is
    set up, SystemExit 143 after SIGTERM; what was trained until the last checkpoint is kept in each case.
    """
    place = place_of()
    choose_accelerator(place)
    refuse_unready(config)
    material = read_material(config)
    if overfit is not None:
        few = spread(material.train, overfit)
        material, config = replace(material, train=few, valid=few), by_heart(config, len(few))
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(stoppable())
        stack.enter_context(locked(folder, place, other=OTHER))
        stack.enter_context(explained(config, folder))
        begun = read_training(folder)
        # Before the first step there is nothing to go on with.
        began = begun["processes"] if begun is not None and (folder / LOSSES).exists() else place.processes
        record = _open_record(config, name, folder, material, began) if place.rank == 0 else None
        if begun is not None and begun["finished"]:
            console.print(f"{folder}: finished {begun['finished']}", soft_wrap=True, highlight=False, markup=False)
            if record is not None and not (folder / CARD).exists():
                write_card(folder)
            return folder
        config = for_processes(config, place.processes, began=began)
        if record is not None:
            stack.enter_context(record.session(place.processes))
        session = _Session(config, name, folder, place, material, score, record, console)
        for note in material.audit["notes"]:
            session.say(note)
        _all_stages(session)
        _finish(session)
        if overfit is not None and session.evaluator is not None:
            samples = samples_of(material, config, config.stages[-1])
            session.say(judged(samples, session.evaluator.predictions, session.trainee.model.processor.tokenizer))
    return folder


def _open_record(config: TrainConfig, name: str, folder: Path, material: Material, processes: int) -> Record:
    base = locate(config.model.name, config.model.revision)
    prompt = prompt_text(config.prompt)
    new = new_training(config, name, material, base=base, prompt=prompt, processes=processes)
    return Record.open(folder, new)


def _all_stages(session: _Session) -> None:
    config, folder = session.config, session.folder
    done = finished_stages(folder, config.stages)
    if done:
        session.say(f"going on with {folder}: {done} of {len(config.stages)} stages are done")
    # All of them before the first: what a later stage lacks is told at once.
    for work in [_planned(session, number) for number in range(done + 1, len(config.stages) + 1)]:
        _one_stage(session, work)
        if way() != "ddp":
            # Shared weights, and DeepSpeed's hooks on them, stay in the network: what comes next begins as a resume.
            session.open(stages=work.number)


def _planned(session: _Session, number: int) -> Work:
    """The work of a stage; InputError when it has nothing to train or to learn from, or its answers are cut."""
    config, model = session.config, session.trainee.model
    work = plan_stage(session.material, config, number, processes=session.place.processes)
    planned(model.network, model.family, work.stage)
    truncation = count_truncated(work.samples, model, max_tokens=config.optimization.max_tokens)
    session.say(f"{work.stage.name}: {truncation.text}")
    truncation.demand(config.optimization.max_truncated)
    enough = truncation.reaching(ENOUGH)
    for finding in too_short(config.generation, enough):
        session.say(f"{work.stage.name}: {finding}")
    if session.record is not None:
        facts = {"limit": truncation.limit, "longest": truncation.longest, "cut": len(truncation.cut)}
        session.record.stage(work.stage.name, tokens={**facts, "answers": sum(truncation.answers), "enough": enough})
    return work


def _one_stage(session: _Session, work: Work) -> None:
    """Train one stage, save what it trained, prove that it did."""
    from runners.training.trainer import StageTrainer, Watch, any_process, arguments_of

    start = time.monotonic()
    trainee, network = session.trainee, session.trainee.network
    names, idle = start_stage(trainee, work, session.collate)
    facts = _facts(session, work, names, idle)
    session.say(_headline(session, work, facts))
    if session.record is not None:
        session.record.stage(work.stage.name, **facts)
    before = checksums(network)
    here = session.folder / "checkpoints" / f"{work.number}-{work.stage.name}"
    trainer = StageTrainer(
        trainee,
        work,
        names=names,
        collate=session.collate,
        arguments=arguments_of(session.config, work, trainee, here, name=session.name),
        keep=session.config.keep,
    )
    _attach(session, work, trainer)
    checkpoint = last_checkpoint(here)
    if checkpoint is not None:
        require_readable(checkpoint, way=way(), processes=session.place.processes)
        session.say(f"{work.stage.name}: going on from {checkpoint.name}")
    with until_sigterm() as sigterm:
        trainer.add_callback(Watch(session.console, work, sigterm))
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        stopped = any_process([sigterm()], trainer.args.device)[0]
    trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)
    if stopped:
        raise SystemExit(143)
    trainer.load_best()
    after = checksums(network)
    moved = sum(before[name] != after[name] for name in after)
    if session.record is not None:
        session.record.stage(work.stage.name, changed_tensors=moved, seconds=time.monotonic() - start)
    require_moved(before, after, names, stage=work.stage.name)
    trainer.accelerator.wait_for_everyone()
    tensors = tensors_of(network, names)
    if session.place.rank == 0:
        save_stage(session.folder, work.number, work.stage, tensors, base=trainee.base.identity)
    trainer.accelerator.wait_for_everyone()


def _attach(session: _Session, work: Work, trainer: StageTrainer) -> None:
    """What watches the stage besides: evaluation and the table of losses."""
    if session.evaluator is not None:
        evaluation = EvaluationCallback(
            session.evaluator,
            stage=work.stage,
            log=trainer.log,
            save_best=trainer.save_best,
            record=session.record,
        )
        trainer.best_step = lambda: None if evaluation.best is None else evaluation.best[0]
        trainer.add_callback(evaluation)
    scores = () if session.evaluator is None else session.evaluator.names
    trainer.add_callback(LossLog(Losses(session.folder, scores), work.stage.name))


def _facts(session: _Session, work: Work, names: Sequence[str], idle: Sequence[str]) -> dict[str, Any]:
    tensors, parameters = count(session.trainee.network, names)
    return {
        "train": list(work.stage.train),
        "how": work.stage.how,
        "images": len(work.samples),
        "trainable_tensors": tensors,
        "trainable_parameters": parameters,
        "without_effect": list(idle),
        "steps": work.steps,
        "effective_batch": work.effective_batch,
        "learning_rate": work.learning_rate,
        "precision": str(session.trainee.precision).removeprefix("torch."),
    }


def _headline(session: _Session, work: Work, facts: Mapping[str, Any]) -> str:
    settings = session.config.optimization
    idle = len(facts["without_effect"])
    beside = f" ({idle} more have no effect on the answer and stay as they are)" if idle else ""
    return (
        f"stage {work.number} of {len(session.config.stages)}, {work.stage.name}: "
        f"{facts['trainable_tensors']} tensors of {', '.join(work.stage.train)}, "
        f"{facts['trainable_parameters']:,} parameters, {work.stage.how}{beside}\n"
        f"  {len(work.samples)} images, {work.steps} steps of {work.effective_batch} "
        f"({settings.batch_size} x {settings.accumulation} x {session.place.processes}: batch, accumulation, "
        f"processes), learning rate {work.learning_rate:g}, {facts['precision']}"
    )


def _finish(session: _Session) -> None:
    """Save what a run takes, score all validation images, say where everything is."""
    evaluator, record = session.evaluator, session.record
    scores: Mapping[str, float] = {}
    if evaluator is not None:
        scores = evaluator.final(None if record is None else session.folder)
    kind, where = save_result(session.folder, session.config.stages, session.trainee, write=record is not None)
    if record is None:
        return
    record.finish(
        scores=scores,
        metric="" if evaluator is None else evaluator.metric,
        images=0 if evaluator is None else len(evaluator.predictions),
        failed=0 if evaluator is None else evaluator.failed,
    )
    write_card(session.folder)
    if evaluator is None:
        session.say("nothing was evaluated: no scorer was given; imageclef run and imageclef score do it")
    else:
        session.say(
            f"{evaluator.metric} {scores[evaluator.metric]:.4f} on all {len(evaluator.predictions)} valid images"
        )
    use = f"adapters=[{{path: {json.dumps(str(where))}}}]" if kind == "adapter" else f"model.name={where}"
    words = ["--set", use, "--set", f"quantization={session.config.quantization}"]
    session.say(f"trained: {where}\nto use it: imageclef run CONFIG {shlex.join(words)}")
