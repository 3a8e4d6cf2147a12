"""When a training is evaluated, which step was the best, and when a stage gets no better.

callback = EvaluationCallback(evaluator, stage=stage, log=trainer.log, save_best=trainer.save_best, record=record)
trainer.add_callback(callback)
callback.best                     # (120, 0.43): step and value
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from runners.training.evaluate import Evaluator
from runners.training.inference import whole_weights
from runners.training.record import Record

if TYPE_CHECKING:
    from runners.training.config import Stage


class EvaluationCallback(TrainerCallback):  # type: ignore[misc]
    """Evaluates every N steps and at the end of a stage, keeps the best, ends a stage that gets no better.

    The base model is evaluated too, before the first step of the first stage; it is never the best. Each evaluation
    comes before the checkpoint of its step is written, and stands in the trainer's log, which is part of every
    checkpoint: after a resume the callback knows the best and the patience left.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        *,
        stage: Stage,
        log: Callable[[dict[str, float]], None],
        save_best: Callable[[], None],
        record: Record | None = None,
        loss: Callable[[], float] | None = None,
    ) -> None:
        """`log` is the trainer's; `save_best` is called in every process; `record` is given in the first one only.

        `loss` gives the validation loss, where it is wanted (`Evaluator.loss`).
        """
        self._evaluator = evaluator
        self._settings = evaluator.config.evaluation
        self._stage = stage
        self._log = log
        self._save_best = save_best
        self._record = record
        self._loss = loss
        self.best: tuple[int, float] | None = None
        """Step and value of the best evaluation."""
        self.idle = 0
        """Evaluations since the score last rose."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Score the base model, for comparison; or take up what was found before a resume."""
        self.best, self.idle = None, 0
        if state.global_step == 0 and self._stage == self._evaluator.config.stages[0]:
            self._evaluate(0, others["model"])
        for entry in state.log_history:
            if entry["step"] > 0 and f"eval_{self._evaluator.metric}" in entry:
                self._note(entry["step"], entry[f"eval_{self._evaluator.metric}"])

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Evaluate when it is time to."""
        every = self._settings.every
        if state.global_step >= state.max_steps or (every and state.global_step % every == 0):
            asked = control.should_log
            self._evaluate(state.global_step, others["model"])
            control.should_log = asked  # logging the scores takes the request for the training loss back
            if self._settings.patience is not None and self.idle >= self._settings.patience:
                control.should_training_stop = True

    def _evaluate(self, step: int, learner: Any) -> None:
        start = time.monotonic()
        with whole_weights(learner):
            scores, _ = self._evaluator.scores(images=self._settings.images, prompt=self._stage.prompt)
            if self._loss is not None:
                scores = {"loss": self._loss(), **scores}
        better = step > 0 and self._note(step, scores[self._evaluator.metric])
        if better:
            self._save_best()
        if self._record is not None:
            self._record.evaluated(
                stage=self._stage.name,
                step=step,
                scores=scores,
                images=len(self._evaluator.predictions),
                failed=self._evaluator.failed,
                seconds=time.monotonic() - start,
                best=better,
            )
        counts = {"images": len(self._evaluator.predictions), "failed": self._evaluator.failed}
        self._log({f"eval_{name}": value for name, value in {**scores, **counts}.items()})

    def _note(self, step: int, value: float) -> bool:
        """Whether the evaluation is the best so far; NaN is nothing.

        Of equal ones the later is: where a stage cannot move the score yet, its learning must not be thrown away.
        """
        before = None if self.best is None else self.best[1]
        kept = not math.isnan(value) and (before is None or value >= before)
        self.idle = 0 if kept and value != before else self.idle + 1
        if kept:
            self.best = (step, value)
        return kept
