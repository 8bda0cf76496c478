"""Writes that may wait and may be lost: the last value for each key, written in batches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from authserver.storage.hot.statement import KeyedWrite

log = logging.getLogger(__name__)

INTERVAL = 5.0  # seconds
BOUND = 5_000  # notes kept at most; a flood writes sooner

#: what goes together: parameters of one statement, each for another row
Batch = list[dict[str, Any]]
AT_ONCE = 200  # notes in one transaction: what is waited for must not wait behind thousands of them


class Notes:
    """Notes of one process. `flush` is given a batch at a time; when one fails, it is lost and a warning logged."""

    def __init__(self, flush: Callable[[KeyedWrite, Batch], Awaitable[None]]) -> None:
        self._flush = flush
        self._pending: dict[KeyedWrite, dict[Any, dict[str, Any]]] = {}
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    def add(self, statement: KeyedWrite, parameters: dict[str, Any]) -> None:
        self._pending.setdefault(statement, {})[parameters[statement.parameter]] = parameters
        self._count += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._start)
        elif self._count >= BOUND:
            self._start()

    def _start(self) -> None:
        task = asyncio.ensure_future(self.flush())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def flush(self) -> None:
        """In the order of the keys, so that two processes lock rows in the same order."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pending, self._pending, self._count = self._pending, {}, 0
        for statement, notes in pending.items():
            batch = [notes[key] for key in sorted(notes)]
            for first in range(0, len(batch), AT_ONCE):
                part = batch[first : first + AT_ONCE]
                try:
                    await self._flush(statement, part)
                except Exception as error:
                    log.warning("%d notes of last use were not written: %s", len(part), error)

    async def close(self) -> None:
        """Write what is noted, and wait for what is being written."""
        await self.flush()
        while self._running:
            await asyncio.wait(self._running)
