"""Group commit: what arrives in one tick of the loop, or while a batch is under way, shares one transaction.

A lone item goes at once; nothing ever waits for company. At most one batch is in flight.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

LARGEST_BATCH = 256


class Batcher(Generic[I, O]):
    """`run` gets the items of a batch and returns, after its COMMIT, one result for each; an exception as result is
    that item's own failure, a raised one fails the whole batch."""

    def __init__(self, run: Callable[[Sequence[I]], Awaitable[Sequence[O | Exception]]]) -> None:
        self._run = run
        self._waiting: list[tuple[I, asyncio.Future[O]]] = []
        self._worker: asyncio.Task[None] | None = None

    def submit(self, item: I) -> asyncio.Future[O]:
        """The result, once it is committed. Giving up the wait does not withdraw the item."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[O] = loop.create_future()
        self._waiting.append((item, future))
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        return future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            try:
                results: Sequence[O | Exception] = await self._run([item for item, _ in batch])
            except Exception as error:
                results = [error] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._worker = None

    async def drain(self) -> None:
        """Wait until everything submitted so far is committed."""
        while self._worker is not None:
            await asyncio.wait([self._worker])
