"""Tasks of a test, and their end."""

import asyncio


async def end(task: asyncio.Task[None]) -> None:
    """Cancel it until it has ended; raises what else ended it. A cancellation can be lost: `asyncio.wait_for`, which
    the client of the broker uses, forgets one that comes with the answer."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.5)
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
