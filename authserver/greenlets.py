"""Synchronous code of a library on the event loop, without a thread: SQLAlchemy's `greenlet_spawn`, with greenlets that
are used again. A new one costs a piece of memory from the kernel, and so a fortieth of a refresh."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

Result = TypeVar("Result")

KEPT = 64  # that rest; what more is needed at once is made and let go


@dataclass(frozen=True, slots=True)
class _Over:
    """How a call has ended; whatever else comes out of a greenlet is awaited for it."""

    result: Any
    error: BaseException | None = None


class _Worker(greenlet):  # type: ignore[misc]
    """Runs one call after another. `sqlalchemy.util.concurrency.await_` works in those."""

    __sqlalchemy_greenlet_provider__ = True

    def run(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        while True:
            try:
                over = _Over(call(*arguments))
            except BaseException as error:  # whatever it is: it belongs to whoever waits for this call
                over = _Over(None, error)
            del call, arguments
            waiting = self.parent
            assert waiting is not None
            call, arguments = waiting.switch(over)


_resting: list[_Worker] = []


async def run(call: Callable[..., Result], *arguments: Any) -> Result:
    """What `call` returns or raises. In it `await_` waits for what is asynchronous; a cancellation is raised there."""
    current = getcurrent()
    worker = _resting.pop() if _resting else _Worker()
    worker.parent = current
    worker.gr_context = current.gr_context
    said = worker.switch(call, arguments)
    while said.__class__ is not _Over:
        try:
            value = await said
        except BaseException:
            said = worker.throw(*sys.exc_info())
        else:
            said = worker.switch(value)
    if len(_resting) < KEPT:
        _resting.append(worker)
    if said.error is not None:
        raise said.error
    result: Result = said.result
    return result
