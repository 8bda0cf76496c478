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
    over: "_Over | None" = None

    def run(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        while True:
            try:
                over = _Over(call(*arguments))
            except BaseException as error:  # whatever it is: it belongs to whoever waits for this call
                over = _Over(None, error)
            del call, arguments
            waiting = self.parent
            assert waiting is not None
            self.over = over
            del over  # what rests keeps nothing of whom it served
            call, arguments = waiting.switch(OVER)


OVER = object()  # comes out of a worker in place of something to wait for
_resting: list[_Worker] = []


async def run(call: Callable[..., Result], *arguments: Any) -> Result:
    """What `call` returns or raises. In it `await_` waits for what is asynchronous; a cancellation is raised there."""
    current = getcurrent()
    worker = _resting.pop() if _resting else _Worker()
    worker.parent = current
    worker.gr_context = current.gr_context
    said = worker.switch(call, arguments)
    while said is not OVER:
        try:
            value = await said
        except BaseException:
            said = worker.throw(*sys.exc_info())
        else:
            said = worker.switch(value)
    over, worker.over, worker.gr_context = worker.over, None, None
    assert over is not None
    if len(_resting) < KEPT:
        _resting.append(worker)
    else:
        worker.throw()  # ends it: a suspended greenlet that knows itself is never collected
    try:
        if over.error is not None:
            raise over.error
        result: Result = over.result
        return result
    finally:
        del over  # its traceback has this frame
