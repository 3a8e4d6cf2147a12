"""transformers' Trainer for one stage of a training, made to survive.

    trainer = StageTrainer(trainee, work, names=names, collate=collate, arguments=arguments, keep=2)
    trainer.train(resume_from_checkpoint=last_checkpoint(trainer.folder))

Of `Trainer` only this is changed: the order of the samples is ours (`balance.py`), a checkpoint holds the tensors of
the stage alone, under their canonical names, and a loss that is no number stops before the weights move. Killed at
any moment and started again, a training has the losses and the adapter of one that was not, on a CPU bit for bit; with
another number of processes as far as sums of floating-point numbers do not depend on their order, and without dropout.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from runners.training.config import TrainConfig
from runners.training.data import Sample
from runners.training.launch import tell_deepspeed, way, wrap_layers
from runners.training.network import Trainee
from runners.training.saving import PARTS, load_tensors, put_tensors, save_tensors, tensors_of
from runners.training.stages import Work
from runners.training.survival import keep_last, mark_whole, refuse_bad_loss
from tasks.nouns import InputError

IDS = "image_ids"
REFUSED = "refused"
SAVE_SECONDS = 900.0
"""A checkpoint is written at least this often, and ten times in each stage."""
SAY_SECONDS = 10.0


@dataclass(frozen=True)
class NamedBatches:
    """A collator whose batches say which images they hold."""

    collate: Callable[[Sequence[Sample]], Mapping[str, Any]]

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """The tensors of `samples`, and their image ids; or why there are none.

        An error raised here, in a process that loads data, would come out as a traceback.
        """
        try:
            return {**self.collate(samples), IDS: [sample.example.image_id for sample in samples]}
        except InputError as error:
            return {REFUSED: str(error)}


class StageTrainer(Trainer):  # type: ignore[misc]
    """Trains the tensors `names` of one stage; the last `keep` checkpoints are kept, and the best weights."""

    def __init__(
        self,
        trainee: Trainee,
        work: Work,
        *,
        names: Sequence[str],
        collate: Callable[[Sequence[Sample]], Mapping[str, Any]],
        arguments: TrainingArguments,
        keep: int,
    ) -> None:
        super().__init__(model=trainee.learner, args=arguments, train_dataset=work, data_collator=NamedBatches(collate))
        self.remove_callback(PrinterCallback)
        if way() == "fsdp":
            wrap_layers(self.accelerator, trainee.network)
        self._trainee = trainee
        self._work = work
        self._names = tuple(names)
        self._keep = keep
        self.best_step: Callable[[], int | None] = lambda: None
        """Asked which evaluation was the best."""

    @property
    def folder(self) -> Path:
        """Where the checkpoints are."""
        return Path(self.args.output_dir)

    def save_best(self) -> None:
        """Keep the weights of this step beside the checkpoints, and write one, so that a resume knows of them."""
        tensors = tensors_of(self._trainee.network, self._names)
        if self.args.should_save:
            save_tensors(self._best(self.state.global_step), tensors)
        self.control.should_save = True

    def load_best(self) -> None:
        """Go back to the best step, when an evaluation found it and it is not this one."""
        step = self.best_step()
        if step is not None and step != self.state.global_step:
            self.accelerator.wait_for_everyone()
            put_tensors(self._trainee.network, load_tensors(self._best(step)), self._best(step))

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Forward and backward of a batch; BadLoss, with the batch saved, before a bad loss reaches the weights.

        InputError when an image of it cannot be used.
        """
        if REFUSED in inputs:
            raise InputError(inputs[REFUSED])
        image_ids = inputs.pop(IDS)
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        if not bool(loss.isfinite()):
            step = self.state.global_step + 1
            facts = {"stage": self._work.stage.name, "step": step, "process": self.args.process_index}
            refuse_bad_loss(float(loss), self.folder.parents[1], {**facts, IDS: image_ids})
        return loss

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The tensors of this stage, not the frozen base."""
        tensors = tensors_of(self._trainee.network, self._names)
        if self.args.should_save:
            save_tensors(Path(output_dir or self.args.output_dir) / PARTS, tensors)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """With epochs of the stage's images; transformers counts the whole stage as one."""
        self.state.epoch = self.state.global_step * self._work.effective_batch / len(self._work.samples)
        super().log(logs, start_time)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return SequentialSampler(self._work)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            path = self.folder / f"checkpoint-{self.state.global_step}"
            mark_whole(path, self.state.global_step, way=way(), processes=self.args.world_size)
            # transformers would remove the last whole one before this one is marked.
            keep_last(self.folder, self._keep)
            for path in self.folder.glob("best-*.safetensors"):
                if path != self._best(self.best_step() or 0):
                    path.unlink()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        path = Path(resume_from_checkpoint) / PARTS
        put_tensors(self._trainee.network, load_tensors(path), path)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        super()._load_rng_state(checkpoint)
        if checkpoint is not None and len(list(Path(checkpoint).glob("rng_state*.pth"))) != self.args.world_size:
            # Other noise than at the start of the stage, and in each process.
            drawn = self.state.global_step * self.args.world_size + self.args.process_index
            set_seed(self.args.seed + drawn)

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step}.safetensors"


class Watch(TrainerCallback):  # type: ignore[misc]
    """Says how far a stage is; writes a checkpoint when it is time to, and when SIGTERM came, and then stops."""

    def __init__(self, console: Console, work: Work, sigterm: Callable[[], bool]) -> None:
        self._console = console
        self._work = work
        self._sigterm = sigterm
        self._saved = time.monotonic()
        self._said = -SAY_SECONDS

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Save and stop where one of the processes must."""
        asked, due = any_process((self._sigterm(), time.monotonic() - self._saved > SAVE_SECONDS), args.device)
        if asked or due:
            control.should_save = True
        if asked:
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """The clock starts again."""
        self._saved = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **others: Any) -> None:
        """A line now and then, and one for each evaluation."""
        now, last = time.monotonic(), state.global_step >= state.max_steps
        scores = {key: value for key, value in logs.items() if key.startswith("eval_")}
        if not state.is_world_process_zero or not (scores or "loss" in logs):
            return
        if scores or last or now - self._said >= SAY_SECONDS:
            self._said = now
            shown = scores or {key: logs[key] for key in ("loss", "learning_rate") if key in logs}
            facts = "  ".join(f"{key.removeprefix('eval_')} {value:.4g}" for key, value in shown.items())
            self._console.print(
                f"{self._work.stage.name} {state.global_step}/{state.max_steps}  {facts}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )


def arguments_of(config: TrainConfig, work: Work, trainee: Trainee, folder: Path, *, name: str) -> TrainingArguments:
    """What the Trainer is told; checkpoints go to `folder`."""
    settings = config.optimization
    on_cpu = trainee.network.device.type == "cpu"
    kept = work.steps if config.evaluation.every is None else config.evaluation.every
    mixed = None if way() == "deepspeed" else trainee.precision
    arguments = TrainingArguments(
        output_dir=str(folder),
        run_name=f"{name} {work.stage.name}",
        max_steps=work.steps,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=work.learning_rate,
        lr_scheduler_type={"constant": "constant_with_warmup"}.get(settings.schedule, settings.schedule),
        warmup_steps=int(settings.warmup * work.steps),
        weight_decay=settings.weight_decay,
        adam_beta1=settings.beta1,
        adam_beta2=settings.beta2,
        max_grad_norm=settings.max_grad_norm,
        optim={"adamw": "adamw_torch"}.get(settings.optimizer, settings.optimizer),
        bf16=mixed == torch.bfloat16,
        fp16=mixed == torch.float16,
        activation_checkpointing=settings.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        seed=config.seed + work.number,
        use_cpu=on_cpu,
        logging_steps=max(1, work.steps // 500),
        logging_first_step=True,
        # It would put the average in the place of a loss that is no number.
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=max(1, min(work.steps // 10, kept)),
        report_to=list(config.report_to),
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=0 if on_cpu else min(4, max(0, (os.cpu_count() or 1) - 1)),
        dataloader_pin_memory=not on_cpu,
        ddp_find_unused_parameters=False,
    )
    if way() == "deepspeed":
        tell_deepspeed(arguments, trainee.precision)
    # Without torchrun one accelerator is used: torch's DataParallel would split the batches of patches wrongly.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def any_process(flags: Sequence[bool], device: torch.device) -> list[bool]:
    """Which of `flags` hold in some process, so that all decide alike."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return list(flags)
    tensor = torch.tensor([int(flag) for flag in flags], device=device)
    torch.distributed.all_reduce(tensor, op=torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in tensor.tolist()]
