"""The hot path: what one directive asks of the database. Two implementations, one protocol."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from skill.canonical import Lamp, LampState
from skill.storage.database import SQLITE

Found = tuple[Lamp, LampState | None]
"""A lamp and, where it is a simulated one, how it stands."""

Clock = Callable[[], float]
"""Unix seconds (UTC)."""

Step = Callable[[LampState], LampState]


class Store(Protocol):
    """Every method raises the driver's own errors when the database is away; a write has committed when it returns."""

    async def lamp(self, endpoint_id: str) -> Found | None:
        """Does not look at the owner: that is `skill.lamps`' rule."""

    async def lamps_of(self, owner: str, limit: int) -> list[Found]:
        """Oldest first, those of one second by name."""

    async def lamps_by(self, driver: str) -> list[Lamp]:
        """Every lamp that this driver reaches."""

    async def registry_version(self) -> int:
        """Grows with every change of lamps, owners and names."""

    async def simulated_lamp(self, endpoint_id: str) -> LampState | None: ...

    async def change_simulated_lamp(
        self, endpoint_id: str, step: Step, before: LampState | None = None
    ) -> LampState | None:
        """Read, step, write, with no other writer in between, on any replica; None where there is no such lamp.

        `before` is what the caller has just read: where the row still says so when it is written, it was not read in
        vain. `step` may be tried again on what another replica wrote meanwhile.
        """

    def claim_signature(self, signature: bytes, expires_at: int) -> Awaitable[bool]:
        """True for exactly one caller on all replicas. It is on its way at once, and comes back with whatever else is
        asked of the database before the caller waits for it."""

    async def purge_signatures(self, now: int, limit: int) -> int:
        """Forget signatures that no replica would take any more; returns how many went."""

    async def key_set(self, issuer: str) -> tuple[bytes, int] | None:
        """The last good key set document and when it was fetched."""

    async def save_key_set(self, issuer: str, document: bytes, fetched_at: int) -> None: ...

    async def close(self) -> None: ...


def implementation(url: str) -> Callable[[str], Awaitable[Store]]:
    """How such a database is opened. Loads what that takes and nothing for the other kind: both together cost a worker
    six megabytes and a tenth of a second."""
    if url.startswith(SQLITE):
        from skill.storage.sqlite import SqliteStore

        return SqliteStore.open
    from skill.storage.postgres import PostgresStore

    return PostgresStore.open


async def open_store(url: str) -> Store:
    """Connects; raises what the driver raises when the database is not there."""
    return await implementation(url)(url)
