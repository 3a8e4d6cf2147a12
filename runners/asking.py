"""Asking the model about one batch: nothing is lost, and no error becomes an answer.

What does not fit in memory is halved, an image that breaks its batch is asked about alone, and what fails alone is a
failed prediction with its reason. Answers in another language are asked for once more where the config says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from runners.answers import AnswerError, parse_answer
from runners.answers.steps import Edited, again, apply_steps
from runners.config import RunConfig
from runners.models import Failure, Model, is_out_of_memory
from tasks.concepts import Vocabulary
from tasks.images import ImageError, open_image
from tasks.nouns import Example, InputError, Prediction

if TYPE_CHECKING:
    from PIL.Image import Image

LANGUAGE = "en"
"""What every edition's captions and reports are written in."""


class Asked(Protocol):
    """What of a plan is needed to ask: a run's `ModelPlan`, or what a server was sent."""

    @property
    def config(self) -> RunConfig:
        """Task, steps and seed matter."""
        ...

    @property
    def prompts(self) -> Mapping[str, str]:
        """Image id -> prompt."""
        ...

    @property
    def vocabulary(self) -> Vocabulary | None:
        """Needed in task 1."""
        ...


@dataclass
class Tally:
    """What happened in one session of a run besides its predictions."""

    out_of_memory: int = 0
    """How often a batch was halved."""
    share: float = 1.0
    """The part of a batch that memory allowed since the last halving: of many cheap images it allows many."""


@dataclass(frozen=True)
class Batch:
    """A batch on its way: preprocessed, unless that failed."""

    examples: Sequence[Example]
    readable: list[Example]
    """Those whose images could be opened, every one."""
    unreadable: dict[str, Failure]
    prepared: Any


def prepare(examples: Sequence[Example], model: Model, plan: Asked, decoders: Executor) -> Batch:
    """The images opened and, with their prompts, made tensors."""
    readable, shown, unreadable = [], [], {}
    for example, images in zip(examples, decoders.map(_open, examples), strict=True):
        if isinstance(images, Failure):
            unreadable[example.image_id] = images
        else:
            readable.append(example)
            shown.append(images)
    prepared = None
    if shown:
        with contextlib.suppress(Exception):  # one odd image must not cost its batch: each is then prepared alone
            prepared = _prepared(model, shown, [plan.prompts[e.image_id] for e in readable])
    return Batch(examples, readable, unreadable, prepared)


def _open(example: Example) -> list[Image] | Failure:
    """The image, and the further views that the plan left the example; a failure when one cannot be opened."""
    images = []
    for number, source in enumerate(example.images, start=1):
        try:
            images.append(open_image(source))
        except (ImageError, OSError) as error:
            return Failure(f"image: {error}" if number == 1 else f"image {number} of the study: {error}")
    return images


def _prepared(model: Model, shown: Sequence[Sequence[Image]], prompts: Sequence[str]) -> Any:
    return model.prepare([first for first, *_ in shown], prompts, [views for _, *views in shown])


@dataclass(frozen=True)
class _Question:
    """An image and what is asked about it."""

    example: Example
    prompt: str


class Answerer:
    """Asks the model; halves what does not fit in memory and isolates an image that breaks its batch."""

    def __init__(self, model: Model, plan: Asked, tally: Tally) -> None:
        self._model = model
        self._plan = plan
        self._tally = tally

    def predictions(self, batch: Batch) -> list[Prediction]:
        """The prediction of every image of the batch."""
        start = time.monotonic()
        answers = self._answers(batch)
        seconds = (time.monotonic() - start) / len(batch.examples)
        return [prediction_of(self._plan, e.image_id, answers[e.image_id], seconds) for e in batch.examples]

    def _answers(self, batch: Batch) -> dict[str, str | Failure]:
        """Text or failure by image id; what came in another language was asked again."""
        questions = [_Question(e, self._plan.prompts[e.image_id]) for e in batch.readable]
        answers = self._ask(questions, batch.prepared, whole=len(questions))
        foreign = [
            n
            for n, (question, answer) in enumerate(zip(questions, answers, strict=True))
            if isinstance(answer, str) and _edited(self._plan, question.example.image_id, answer).wrong_language
        ]
        plainer = [_Question(questions[n].example, again(questions[n].prompt, LANGUAGE)) for n in foreign]
        for n, answer in zip(foreign, self._ask(plainer, whole=len(questions)), strict=True):
            answers[n] = answer
        return {**batch.unreadable, **{q.example.image_id: a for q, a in zip(questions, answers, strict=True)}}

    def _ask(self, questions: Sequence[_Question], prepared: Any = None, *, whole: int) -> list[str | Failure]:
        """The answers; `whole` is the size of the batch that the questions are part of."""
        if not questions:
            return []
        room = max(1, int(whole * self._tally.share + 1e-9))
        if len(questions) > room:
            return self._in_parts(questions, room, whole=whole)
        try:
            if prepared is None:
                shown = [[open_image(s) for s in q.example.images] for q in questions]
                prepared = _prepared(self._model, shown, [q.prompt for q in questions])
            seed = _batch_seed(self._plan.config.seed, [q.example.image_id for q in questions])
            return list(self._model.generate(prepared, seed=seed))
        except InputError:
            raise  # the model can answer nothing: no reason to go through all images
        except Exception as error:  # noqa: BLE001 - a failing image is recorded with its reason, the run goes on
            if len(questions) == 1:
                return [Failure(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")]
            if is_out_of_memory(error):
                self._tally.out_of_memory += 1
                size = len(questions) // 2
                self._tally.share = min(self._tally.share, size / whole)
            else:
                size = 1
        # Outside the handler, so that the error no longer holds the tensors of the batch that failed.
        return self._in_parts(questions, size, whole=whole)

    def _in_parts(self, questions: Sequence[_Question], size: int, *, whole: int) -> list[str | Failure]:
        answers: list[str | Failure] = []
        for start in range(0, len(questions), size):
            answers += self._ask(questions[start : start + size], whole=whole)
        return answers


def _edited(plan: Asked, image_id: str, text: str) -> Edited:
    return apply_steps(text, plan.config.steps, prompt=plan.prompts[image_id], language=LANGUAGE)


def prediction_of(plan: Asked, image_id: str, answer: str | Failure, seconds: float) -> Prediction:
    """The answer after the config's steps, read as the task's value; a failure where that cannot be done."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    if isinstance(answer, Failure):
        return Prediction(image_id, None, "failed", answer.reason, seconds=seconds, time=now)
    edited = _edited(plan, image_id, answer)
    failed = Prediction(image_id, None, "failed", "", answer, edits=edited.edits, seconds=seconds, time=now)
    if edited.wrong_language:
        return replace(failed, reason=f"asked twice, and the answer is in another language than '{LANGUAGE}'")
    try:
        value, unmapped = parse_answer(
            edited.text, task=plan.config.task, vocabulary=plan.vocabulary, edits=edited.edits
        )
    except AnswerError as error:
        return replace(failed, reason=str(error))
    return replace(failed, value=value, status="ok", unmapped=unmapped)


def _batch_seed(seed: int, ids: Sequence[str]) -> int:
    """A seed for sampling that depends on the run's seed and on who is in the batch, not on what ran before."""
    digest = hashlib.sha256("\n".join([str(seed), *ids]).encode("utf-8")).digest()
    return int.from_bytes(digest[:4], "big")
