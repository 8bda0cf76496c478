"""What happens to lamps, told within this process as it happens: to the companion's pages, the history, the events.

Every replica hears of what a lamp behind the broker says, since each listens for itself; of what is asked of a lamp
hears the replica that was asked.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from skill.canonical import LampState

log = logging.getLogger(__name__)


class Cause(StrEnum):
    """Who changed a lamp."""

    alexa = "alexa"
    companion = "companion"
    lamp = "lamp"
    """The lamp itself told it: its switch, another application, its own timer."""


class Happening(NamedTuple):
    """A lamp that stands otherwise than before. `before` is None where nothing was known of it in this process: the
    first that is heard of a lamp is told, too, and may be nothing new. `at` is Unix seconds (UTC)."""

    endpoint_id: str
    before: LampState | None
    after: LampState
    at: float
    cause: Cause


Listener = Callable[[Happening], None]


class News:
    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def tell(self, happening: Happening) -> None:
        """Never waits and never raises: whoever tells is answering a directive."""
        for listener in tuple(self._listeners):
            try:
                listener(happening)
            except Exception:
                log.exception("somebody who listens to lamps failed")

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Called for everything that happens from now on, on the loop, and must not wait. Returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
