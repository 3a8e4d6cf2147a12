"""What waits is answered together: requests gather while the model computes, and the next batch takes them all.

async with Batcher(answer, size=8) as batcher:
    await batcher.submit(upload)          # answered in one call of `answer` with whatever else was waiting

Everything but `answer` runs in the event loop, so that there is nothing to lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Self, TypeVar

PAUSE = 0.01
"""Seconds that a batch with room left waits for company; an answer takes far longer."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Calls `answer` in `workers` threads, each time with at most `size` items, in the order in which they came."""

    def __init__(self, answer: Callable[[Sequence[Item]], Sequence[Answer]], *, size: int, workers: int = 1) -> None:
        self.size = size
        self.batches = 0
        """Number of calls of `answer`."""
        self.items = 0
        """Number of items in all of them."""
        self.largest = 0
        """Size of the largest."""
        self._answer = answer
        self._waiting: dict[asyncio.Future[Answer], Item] = {}
        self._arrived = asyncio.Event()
        self._threads = ThreadPoolExecutor(workers, "ask")
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """Items that no thread has taken yet."""
        return len(self._waiting)

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """The item's answer, or the error of its batch; cancelled before its turn it takes no place in a batch."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[future] = item
        future.add_done_callback(lambda done: self._waiting.pop(done, None))
        self._arrived.set()
        return future

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            if len(self._waiting) < self.size:
                await asyncio.sleep(PAUSE)
            batch = {future: self._waiting.pop(future) for future in list(self._waiting)[: self.size]}
            if not self._waiting:
                self._arrived.clear()
            if batch:
                await self._settle(batch)

    async def _settle(self, batch: dict[asyncio.Future[Answer], Item]) -> None:
        self.batches += 1
        self.items += len(batch)
        self.largest = max(self.largest, len(batch))
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._threads, self._answer, list(batch.values()))
        except Exception as error:  # noqa: BLE001 - those who asked are told; the next batch may be fine
            for future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for future, answer in zip(batch, answers, strict=True):
            if not future.done():  # the client may have left
                future.set_result(answer)
