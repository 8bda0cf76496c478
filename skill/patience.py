"""How long something may take. `asyncio.timeout` says the same, at the price of a tenth of a directive."""

import asyncio
from types import TracebackType
from typing import Self


class Patience:
    """`with Patience(seconds):` inside a task: what is awaited in the block is cancelled when the time is over, and the
    block then raises TimeoutError. A cancellation from elsewhere passes through as it is."""

    __slots__ = ("_cancellations", "_over", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancellations = task, task.cancelling()
        self._timer = task.get_loop().call_later(self._seconds, self._end)
        return self

    def _end(self) -> None:
        self._over = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        # Ours alone: where somebody else wants the task to end as well, that goes on.
        if self._over and self._task.uncancel() <= self._cancellations and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error
