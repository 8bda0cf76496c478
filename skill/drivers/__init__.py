"""One file for each way to reach a lamp. A driver speaks of `skill.canonical` alone and knows nothing of Alexa."""

from typing import Protocol

from skill.canonical import Change, Lamp, LampState, Sample
from skill.news import Cause


class Driver(Protocol):
    """Raises EndpointUnreachable where the lamp is away, BridgeUnreachable where the way to it is."""

    async def sample(self, lamp: Lamp, stored: LampState | None) -> Sample:
        """How the lamp stands. `stored` is what the database held when the lamp was looked up. A lamp that is known to
        be offline is no error: the sample says so."""

    async def apply(
        self, lamp: Lamp, change: Change, stored: LampState | None = None, cause: Cause = Cause.alexa
    ) -> Sample:
        """Carry out the change, tell it with its cause, and return the state after it, which holds the requested
        value."""
