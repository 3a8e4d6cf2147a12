"""The run loop: batches from the ids, images decoded while the model computes, every answer journalled.

Batches are a function of the examples alone, not of what is left of them, so a resumed run asks the model the
same questions in the same company as an unbroken one and gets the same bytes back.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.answers import AnswerError, parse_answer
from runners.journal import Journal
from runners.models import Model, is_out_of_memory
from runners.plan import Plan
from runners.progress import RunProgress
from tasks.images import ImageError, open_image
from tasks.nouns import Example, Prediction

if TYPE_CHECKING:
    from PIL.Image import Image

AHEAD = 2
"""Batches that are decoded and preprocessed while the model computes; bounds the memory they take."""


class TooManyFailures(Exception):
    """More images failed than the config allows; everything done so far is in the journal."""


@dataclass
class Tally:
    """What happened in one session of a run besides its predictions."""

    out_of_memory: int = 0
    """How often a batch was halved."""


def make_batches(examples: Sequence[Example], size: int) -> list[list[Example]]:
    """Batches of `size`, the costliest images first, so that what does not fit shows itself at once.

    The encoded size stands for the cost: it follows the number of pixels, and reading it opens no image.
    """
    ordered = sorted(examples, key=_cost, reverse=True)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def answer_all(
    plan: Plan,
    model: Model,
    *,
    size: int,
    done: Mapping[str, Prediction],
    journal: Journal,
    progress: RunProgress,
    tally: Tally,
) -> None:
    """Answer every example of `plan` that `done` does not hold, and journal each batch as it comes.

    Raises TooManyFailures when more than the config's share of all images have failed.
    """
    answerer = _Answerer(model, plan.config.seed, tally)
    allowed = plan.config.max_failures * len(plan.examples)
    failed = 0
    batches = [b for b in make_batches(plan.examples, size) if any(e.image_id not in done for e in b)]
    for batch in _decoded(batches, model, plan.prompt):
        start = time.monotonic()
        answers = {**batch.unreadable, **answerer.answer(batch)}
        seconds = (time.monotonic() - start) / len(batch.examples)
        new = [
            _prediction(plan, example.image_id, answers[example.image_id], seconds)
            for example in batch.examples
            if example.image_id not in done
        ]
        journal.append(new)
        failed += sum(p.status == "failed" for p in new)
        progress.advance(len(new), failed=failed)
        if failed > allowed:
            reason = next(p.reason for p in reversed(new) if p.status == "failed")
            raise TooManyFailures(
                f"{failed} of {len(plan.examples)} images failed, more than max_failures="
                f"{plan.config.max_failures} allows; the last one: {reason}"
            )


@dataclass(frozen=True)
class _Failure:
    """Why an image has no answer."""

    reason: str


@dataclass
class _Batch:
    """A batch on its way: decoded, and preprocessed unless that failed."""

    examples: list[Example]
    readable: list[str]
    """Ids of `images`, in their order."""
    images: list[Image]
    prompt: str
    unreadable: dict[str, str | _Failure]
    prepared: Any = None


def _decoded(batches: list[list[Example]], model: Model, prompt: str) -> Iterator[_Batch]:
    """The batches, each decoded and preprocessed in the background while the ones before are answered."""
    with (
        ThreadPoolExecutor(min(4, os.cpu_count() or 1), "decode") as decoders,
        ThreadPoolExecutor(1, "prepare") as preparer,
    ):
        waiting: deque[Future[_Batch]] = deque()
        try:
            for number in range(len(batches) + AHEAD):
                if number < len(batches):
                    waiting.append(preparer.submit(_decode, batches[number], model, prompt, decoders))
                if number >= AHEAD:
                    yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _decode(examples: list[Example], model: Model, prompt: str, decoders: ThreadPoolExecutor) -> _Batch:
    batch = _Batch(examples, [], [], prompt, {})
    opened = decoders.map(_open, examples)
    for example, image in zip(examples, opened, strict=True):
        if isinstance(image, _Failure):
            batch.unreadable[example.image_id] = image
        else:
            batch.readable.append(example.image_id)
            batch.images.append(image)
    try:
        batch.prepared = model.prepare(batch.images, [prompt] * len(batch.images)) if batch.images else None
    except Exception:  # noqa: BLE001 - one odd image must not cost its batch: each is then prepared alone
        batch.prepared = None
    return batch


def _open(example: Example) -> Image | _Failure:
    try:
        return open_image(example.image)
    except (ImageError, OSError) as error:
        return _Failure(f"image: {error}")


class _Answerer:
    """Asks the model; halves what does not fit in memory and isolates an image that breaks its batch."""

    def __init__(self, model: Model, seed: int, tally: Tally) -> None:
        self._model = model
        self._seed = seed
        self._tally = tally
        self._limit: int | None = None

    def answer(self, batch: _Batch) -> dict[str, str | _Failure]:
        """Text or failure of every readable image of the batch, by id."""
        answers = self._ask(batch.readable, batch.images, batch.prompt, batch.prepared)
        return dict(zip(batch.readable, answers, strict=True))

    def _ask(self, ids: list[str], images: list[Image], prompt: str, prepared: Any = None) -> list[str | _Failure]:
        if not images:
            return []
        if self._limit is not None and len(images) > self._limit:
            return self._in_parts(ids, images, prompt, self._limit)
        try:
            if prepared is None:
                prepared = self._model.prepare(images, [prompt] * len(images))
            return list(self._model.generate(prepared, seed=_batch_seed(self._seed, ids)))
        except Exception as error:  # noqa: BLE001 - a failing image is recorded with its reason, the run goes on
            if len(images) == 1:
                return [_Failure(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")]
            if is_out_of_memory(error):
                self._tally.out_of_memory += 1
                self._limit = len(images) // 2
                size = self._limit
            else:
                size = 1
        # Outside the handler, so that the error no longer holds the tensors of the batch that failed.
        return self._in_parts(ids, images, prompt, size)

    def _in_parts(self, ids: list[str], images: list[Image], prompt: str, size: int) -> list[str | _Failure]:
        answers: list[str | _Failure] = []
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            answers += self._ask(ids[part], images[part], prompt)
        return answers


def _prediction(plan: Plan, image_id: str, answer: str | _Failure, seconds: float) -> Prediction:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    text = answer if isinstance(answer, str) else ""
    if isinstance(answer, _Failure):
        return Prediction(image_id, None, "failed", answer.reason, text, (), seconds, now)
    try:
        value, unmapped = parse_answer(text, task=plan.config.task, vocabulary=plan.vocabulary)
    except AnswerError as error:
        return Prediction(image_id, None, "failed", str(error), text, (), seconds, now)
    return Prediction(image_id, value, "ok", "", text, unmapped, seconds, now)


def _batch_seed(seed: int, ids: Sequence[str]) -> int:
    """A seed for sampling that depends on the run's seed and on who is in the batch, not on what ran before."""
    digest = hashlib.sha256("\n".join([str(seed), *ids]).encode("utf-8")).digest()
    return int.from_bytes(digest[:4], "big")


def _cost(example: Example) -> int:
    try:
        return example.image.stat().st_size if isinstance(example.image, Path) else 0
    except OSError:
        return 0
