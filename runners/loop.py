"""The run loop: images are decoded while the model computes, and every answer is journalled.

A batch is answered as a whole even when some of its images have answers already: in other company an image may get
another answer in the last bit.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from threading import Thread

from runners.asking import Answerer, Batch, Tally, prepare
from runners.journal import Journal
from runners.models import Model
from runners.plan import ModelPlan, Plan
from runners.progress import RunProgress
from runners.sharing import Ledger
from tasks.nouns import Example, Prediction

AHEAD = 2
"""Batches that wait, preprocessed, for the model; together with `PREPARERS` this bounds the memory they take."""
PREPARERS = max(1, min(4, (os.cpu_count() or 1) // 4))
"""Batches that are preprocessed at once: a large radiograph takes Pillow some 100 ms, more than a GPU needs for it."""


class TooManyFailures(Exception):
    """More images failed than the config allows; everything done so far is in the journal."""


def journal_all(
    answered: Iterable[Sequence[Prediction]], plan: Plan, *, ledger: Ledger, journal: Journal, progress: RunProgress
) -> None:
    """Journal each batch's predictions as they come, those that `ledger` has an answer for already left out.

    Raises TooManyFailures when more than the config's share of all images have failed.
    """
    shown = ledger.tried
    for predictions in answered:
        ledger.refresh()  # another process may have been faster
        new = [p for p in predictions if p.image_id not in ledger.done]
        journal.append(new)
        ledger.note(new)
        progress.advance(ledger.tried - shown, failed=len(ledger.failed))
        shown = ledger.tried
        reasons = (p.reason for p in reversed(new) if p.status == "failed")
        refuse_failures(plan, len(ledger.failed), last=next(reasons, "in another process, see its log"))


def refuse_failures(plan: Plan, failed: int, *, last: str) -> None:
    """TooManyFailures when `failed` images are more than the config allows; `last` is why the last one did."""
    if failed > plan.config.max_failures * len(plan.examples):
        raise TooManyFailures(
            f"{failed} of {len(plan.examples)} images failed, more than max_failures={plan.config.max_failures} "
            f"allows; the last one: {last}"
        )


def answer_all(
    plan: ModelPlan, model: Model, batches: Iterable[Sequence[Example]], tally: Tally
) -> Generator[list[Prediction], None, None]:
    """The predictions of each batch; as many batches are under way at once as the model can take."""
    parallel = model.facts.get("concurrency", 1)
    prepared = _prepared(batches, model, plan, ahead=max(AHEAD, parallel) + PREPARERS - 1)
    answerer = Answerer(model, plan, tally)
    if parallel == 1:
        yield from map(answerer.predictions, prepared)
        return
    waiting: set[Future[list[Prediction]]] = set()
    for batch in prepared:
        waiting.add(_asked(answerer, batch))
        if len(waiting) >= parallel:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            # Those with an answer first: it is not lost when another's question ends the run.
            yield from (future.result() for future in sorted(done, key=lambda f: f.exception() is not None))
    yield from (future.result() for future in as_completed(waiting))


def _asked(answerer: Answerer, batch: Batch) -> Future[list[Prediction]]:
    """The predictions of `batch`, to come; a daemon asks, so that Ctrl-C does not wait for a server that hangs."""
    future: Future[list[Prediction]] = Future()

    def ask() -> None:
        try:
            future.set_result(answerer.predictions(batch))
        except BaseException as error:  # noqa: BLE001 - raised where the result is taken
            future.set_exception(error)

    Thread(target=ask, name="ask", daemon=True).start()
    return future


def _prepared(batches: Iterable[Sequence[Example]], model: Model, plan: ModelPlan, *, ahead: int) -> Iterator[Batch]:
    """The batches, each decoded and preprocessed in the background while the ones before are answered."""
    with (
        ThreadPoolExecutor(min(4, os.cpu_count() or 1), "decode") as decoders,
        ThreadPoolExecutor(PREPARERS, "prepare") as preparer,
    ):
        waiting: deque[Future[Batch]] = deque()
        try:
            for batch in batches:
                waiting.append(preparer.submit(prepare, batch, model, plan, decoders))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
