"""Writes that may wait and may be lost: the last value for each key, written in batches."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from authserver.storage.hot.statement import Statement

log = logging.getLogger(__name__)

INTERVAL = 5.0  # seconds
BOUND = 5_000  # notes kept at most; a flood writes sooner

Batch = list[tuple[Statement, dict[str, Any]]]


class Notes:
    """Notes of one process. `flush` is given the whole batch; when it fails, the batch is lost and a warning logged."""

    def __init__(self, flush: Callable[[Batch], Awaitable[None]]) -> None:
        self._flush = flush
        self._pending: dict[tuple[int, str], tuple[Statement, dict[str, Any]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    def add(self, statement: Statement, key: str, parameters: dict[str, Any]) -> None:
        self._pending[(id(statement), key)] = (statement, parameters)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._start)
        elif len(self._pending) >= BOUND:
            self._start()

    def _start(self) -> None:
        task = asyncio.ensure_future(self.flush())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._pending = list(self._pending.values()), {}
        if batch:
            try:
                await self._flush(batch)
            except Exception as error:
                log.warning("%d notes of last use were not written: %s", len(batch), error)
