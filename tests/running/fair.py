"""Seconds in which the machine let us work.

"Within a second" is a promise about a machine that does its work. Two cores that also run a browser and a database
may hold a process up for longer than that, and a test that counts such a pause among the seconds fails once a day. A
`Watch` ticks in the loop of the test; of a tick that came late it counts only what was due, and twice that.
"""

import asyncio
import time
from types import TracebackType

TICK = 0.005  # seconds


class Watch:
    """`async with Watch() as watch: ...; assert watch.seconds < 1`. On a machine that has nothing else to do it goes as
    every other clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def _tick(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK)
            self.seconds += min(time.monotonic() - before, 2 * TICK)

    async def __aenter__(self) -> "Watch":
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._ticking is not None
        self._ticking.cancel()
        await asyncio.wait({self._ticking})
