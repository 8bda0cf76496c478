"""Tests that measure, and tests that do not mind each other, on one machine.

A test marked `alone` runs while no other test of this run does: it waits until those under way have ended, and those
that come later wait for it. The locks go with the processes that hold them.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class Room:
    """`folder` is the run's, the same for all workers. Who wants it alone is not overtaken: the door stays shut."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def _held(self, name: str, how: int) -> Iterator[None]:
        file = os.open(self.folder / name, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(file, how)
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a forked child may hold the file open for longer
            os.close(file)

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            with self._held("door", fcntl.LOCK_EX):
                held.enter_context(self._held("room", fcntl.LOCK_SH))
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with self._held("door", fcntl.LOCK_EX), self._held("room", fcntl.LOCK_EX):
            yield
