"""Events that wait to be sent to Alexa: written in the unit of work of what they tell, so that neither is lost alone.

A row is taken for a while by one conditional UPDATE, so that of several replicas one sends it, and kept by another one
right before it is sent: whose turn is over, and somebody else's, sends nothing. The rows of one user and region go one
after the other, in the order in which they were written: a lamp that was given up and claimed again is never told in
the wrong order.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.models import EventGrantRow, EventRow, KnownStateRow, LampRow, RegistryVersionRow
from skill.storage.cold import Cold

CHANGE, APPEARED, LEFT = "ChangeReport", "AddOrUpdateReport", "DeleteReport"
LAMPS_IN_ONE = 25
"""Lamps in one AddOrUpdateReport, which takes 256 KB (contract 2.2); an endpoint with a long name has five."""
LEASE = 30_000  # milliseconds that a row is taken for; more than one attempt to send it may last
_LONGEST_ERROR = 128


class Waiting(NamedTuple):
    """A row that was taken, and until when. `attempts` counts this one, and names the turn: whoever takes the row next
    counts on."""

    id: int
    owner: str
    region: str
    kind: str
    about: str | None
    message_id: str
    body: Mapping[str, Any]
    attempts: int
    created_at: int
    taken_until: int


def inserting(session: AsyncSession, table: Any) -> Any:
    """INSERT with `on_conflict_…`, of the session's database."""
    return (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(table)


async def registry_changed(session: AsyncSession) -> None:
    """Every replica looks again whose lamps it reports. First in a unit, as in the registry's own: of a lamp and a
    grant that come at the same time the later sees the earlier."""
    await session.exec(update(RegistryVersionRow).values(version=col(RegistryVersionRow.version) + 1))


async def regions_of(session: AsyncSession, owner: str) -> Sequence[str]:
    return (await session.exec(select(EventGrantRow.region).where(EventGrantRow.owner == owner))).all()


async def lamp_appeared(session: AsyncSession, owner: str, endpoint_id: str, now: int) -> None:
    """The user has the lamp, or has it under another name or with other capabilities; `now` in seconds. Costs one read
    where the user has given no grant."""
    regions = await regions_of(session, owner) if owner else ()
    if regions:
        await _forget_waiting(session, owner, endpoint_id, [APPEARED], now * 1000)
    for region in regions:
        _add(session, owner, region, APPEARED, endpoint_id, {"lamps": [endpoint_id]}, now * 1000)


async def lamp_left(session: AsyncSession, owner: str, endpoint_id: str, now: int) -> None:
    """The user has the lamp no more. What Alexa believed of it is nobody's any longer: first, as whoever judges the
    lamp begins there, too, so that neither waits for the other, and what was judged meanwhile falls away with the
    rest."""
    await session.exec(delete(KnownStateRow).where(col(KnownStateRow.endpoint_id) == endpoint_id))
    regions = await regions_of(session, owner) if owner else ()
    if regions:
        await _forget_waiting(session, owner, endpoint_id, [APPEARED, CHANGE], now * 1000)
    for region in regions:
        _add(session, owner, region, LEFT, endpoint_id, {"lamps": [endpoint_id]}, now * 1000)


async def forget_what_is_known(session: AsyncSession, owner: str) -> None:
    """While the user had no grant, nobody wrote down what Alexa was told."""
    lamps = select(LampRow.endpoint_id).where(LampRow.owner == owner)
    await session.exec(delete(KnownStateRow).where(col(KnownStateRow.endpoint_id).in_(lamps)))


async def all_appeared(session: AsyncSession, owner: str, region: str, now_ms: int, due_at: int) -> None:
    """With a new grant: what Alexa knows of the lamps says that they are not reported."""
    lamps = (await session.exec(select(LampRow.endpoint_id).where(LampRow.owner == owner))).all()
    for start in range(0, len(lamps), LAMPS_IN_ONE):
        body = {"lamps": list(lamps[start : start + LAMPS_IN_ONE])}
        _add(session, owner, region, APPEARED, None, body, now_ms).due_at = due_at


def add_change(session: AsyncSession, owner: str, region: str, endpoint_id: str, body: dict[str, Any], at: int) -> None:
    _add(session, owner, region, CHANGE, endpoint_id, body, at)


async def take_back_changes(
    session: AsyncSession, owner: str, region: str, endpoint_id: str, now_ms: int
) -> list[tuple[Mapping[str, Any], bool]]:
    """The bodies of reports on the lamp that wait and are now gone, oldest first, and whether each may have been sent
    before."""
    gone = delete(EventRow).where(
        col(EventRow.owner) == owner,
        col(EventRow.about) == endpoint_id,
        col(EventRow.region) == region,
        col(EventRow.kind) == CHANGE,
        col(EventRow.taken_until) <= now_ms,
    )
    rows = await session.exec(gone.returning(col(EventRow.id), col(EventRow.body), col(EventRow.attempts)))
    return [(body, attempts > 0) for _, body, attempts in sorted(rows.all(), key=lambda row: int(row[0]))]


async def forget_changes(session: AsyncSession, endpoint_ids: Iterable[str], now_ms: int) -> None:
    """Alexa has just been told how these lamps stand, by the answer to a directive of its own."""
    await session.exec(
        delete(EventRow).where(
            col(EventRow.kind) == CHANGE,
            col(EventRow.about).in_(list(endpoint_ids)),
            col(EventRow.taken_until) <= now_ms,
        )
    )


async def _forget_waiting(session: AsyncSession, owner: str, about: str, kinds: Sequence[str], now_ms: int) -> None:
    await session.exec(
        delete(EventRow).where(
            col(EventRow.owner) == owner,
            col(EventRow.about) == about,
            col(EventRow.kind).in_(kinds),
            col(EventRow.taken_until) <= now_ms,
        )
    )


def _add(
    session: AsyncSession, owner: str, region: str, kind: str, about: str | None, body: dict[str, Any], at: int
) -> EventRow:
    row = EventRow(
        owner=owner,
        region=region,
        kind=kind,
        about=about,
        message_id=str(uuid.uuid4()),
        body=body,
        created_at=at,
        due_at=at,
    )
    session.add(row)
    return row


class Outbox:
    def __init__(self, cold: Cold) -> None:
        self._cold = cold

    async def take(self, room: Mapping[str, int], now_ms: int) -> list[Waiting]:
        """Rows that are due, each the oldest of its user and region; of each region at most as many as `room` says, so
        that none waits for another."""
        older = aliased(EventRow)
        waits = select(older.id).where(older.owner == EventRow.owner, older.region == EventRow.region)
        due = (
            select(EventRow)
            .where(EventRow.due_at <= now_ms, EventRow.taken_until <= now_ms)
            .where(~waits.where(col(older.id) < col(EventRow.id)).exists())
            .order_by(col(EventRow.due_at), col(EventRow.id))
        )
        rows: list[EventRow] = []
        async with self._cold.unit(write=False) as session:
            for region, most in room.items():
                if most > 0:
                    rows += (await session.exec(due.where(EventRow.region == region).limit(most))).all()
        if not rows:
            return []
        until = now_ms + LEASE
        async with self._cold.unit() as session:
            return [_waiting(row, until) for row in rows if await self._took(session, row, until)]

    @staticmethod
    async def _took(session: AsyncSession, row: EventRow, until: int) -> bool:
        turn = update(EventRow).where(
            col(EventRow.id) == row.id,
            col(EventRow.message_id) == row.message_id,  # SQLite gives the highest id again once its row is gone
            col(EventRow.taken_until) == row.taken_until,
            col(EventRow.attempts) == row.attempts,
        )
        return (await session.exec(turn.values(taken_until=until, attempts=row.attempts + 1))).rowcount == 1

    async def keep(self, event: Waiting, now_ms: int) -> bool:
        """The turn begins anew, if it is still this one; else the event is somebody else's, or gone."""
        turn = update(EventRow).where(*_of(event), col(EventRow.taken_until) > 0)
        async with self._cold.unit() as session:
            return (await session.exec(turn.values(taken_until=now_ms + LEASE))).rowcount == 1

    async def release(self) -> None:
        """What a process had taken that is no more; only where there can be no other."""
        async with self._cold.unit() as session:
            await session.exec(update(EventRow).where(col(EventRow.taken_until) > 0).values(taken_until=0))

    async def holds(self, event: Waiting) -> bool:
        """Whether a report of a change may still be sent: the lamp is theirs, and nobody has told Alexa otherwise since
        it was written, by the answer to a directive. What a newer report tells otherwise comes after it."""
        newer = select(EventRow.id).where(
            EventRow.owner == event.owner,
            EventRow.region == event.region,
            EventRow.kind == CHANGE,
            EventRow.about == event.about,
            col(EventRow.id) > event.id,
        )
        stands = (
            select(LampRow.owner, KnownStateRow.at, newer.exists())
            .outerjoin(KnownStateRow, col(KnownStateRow.endpoint_id) == LampRow.endpoint_id)
            .where(LampRow.endpoint_id == event.about)
        )
        async with self._cold.unit(write=False) as session:
            row = (await session.exec(stands)).first()
        if row is None or row[0] != event.owner:
            return False
        _, told_at, follows = row
        return bool(follows) or told_at is None or told_at <= event.created_at

    async def sent(self, event: Waiting) -> None:
        """It arrived, or nobody wants it any more."""
        async with self._cold.unit() as session:
            await session.exec(delete(EventRow).where(*_of(event)))

    async def put_off(self, event: Waiting, due_at: int, reason: str) -> None:
        later = update(EventRow).where(*_of(event))
        async with self._cold.unit() as session:
            await session.exec(later.values(taken_until=0, due_at=due_at, last_error=reason[:_LONGEST_ERROR]))


def _of(event: Waiting) -> tuple[Any, ...]:
    return (
        col(EventRow.id) == event.id,
        col(EventRow.message_id) == event.message_id,
        col(EventRow.attempts) == event.attempts,
    )


def _waiting(row: EventRow, until: int) -> Waiting:
    assert row.id is not None
    body = row.body
    said = (row.kind, row.about, row.message_id, body)
    return Waiting(row.id, row.owner, row.region, *said, row.attempts + 1, row.created_at, until)
