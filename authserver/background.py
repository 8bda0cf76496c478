"""Jobs that run beside the requests for as long as the service does, and how they end with it.

A cancellation can be lost on its way: a library swallows it in a mail server's farewell, or an error takes its place.
So whoever loops asks `is_ending`, and whoever ends a job asks again until it has ended.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

AGAIN = 0.5  # seconds after which a job that goes on is cancelled again
MOST = 10  # times; the service promises its end within ten seconds
PAUSE = 5.0  # seconds before a job that failed begins again


def is_ending() -> bool:
    """Whether the running task was cancelled, be it long ago."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def keep_going(job: Callable[[], Awaitable[None]]) -> None:
    """A job of the background that fails is logged and begun again: none may take the service with it."""
    while True:
        try:
            return await job()
        except Exception:
            if is_ending():
                raise
            log.exception("a job in the background failed; it begins again")
            await asyncio.sleep(PAUSE)


async def together(*jobs: Callable[[], Awaitable[None]]) -> None:
    """Keeps all going. When it is cancelled they are, and it ends after the last of them: what they use must stay open
    until then. Each further cancellation reaches all that still run."""
    running = {asyncio.create_task(keep_going(job)) for job in jobs}
    try:
        await asyncio.wait(running)
    except asyncio.CancelledError:
        while running := {task for task in running if not task.done()}:
            for task in running:
                task.cancel()
            try:
                await asyncio.wait(running)
            except asyncio.CancelledError:
                continue
        raise


async def end(task: asyncio.Task[None]) -> None:
    """Cancel it until it has ended, five seconds at most: the promised ten must hold all the same."""
    for _ in range(MOST):
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN)
        if task.done():
            return
    log.error("the background did not end in time")
