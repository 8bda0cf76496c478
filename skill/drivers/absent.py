"""Lamps of a kind that this service is not set up for."""

from skill.canonical import Change, Lamp, LampState, Sample
from skill.errors import BridgeUnreachable
from skill.news import Cause


class AbsentDriver:
    """`reason` is what the operator has left out."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def sample(self, lamp: Lamp, stored: LampState | None) -> Sample:
        raise BridgeUnreachable(self._reason)

    async def apply(
        self, lamp: Lamp, change: Change, stored: LampState | None = None, cause: Cause = Cause.alexa
    ) -> Sample:
        raise BridgeUnreachable(self._reason)
