"""Who switched what: what happens to lamps, written off the hot path and kept for 90 days, of each lamp the newest
5,000 at most: a lamp that never rests fills no disk.

A lamp that fades is one entry. Every replica hears of a lamp behind the broker, and only the one that commanded it
knows why: of entries that say the same within a moment one is kept, and a cause that is known goes before "the lamp
itself". `state` of a row holds, beside the lamp's state, `did` (what changed) and `name` (how the lamp was called).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.canonical import LampState
from skill.models import HistoryRow, LampRow
from skill.news import Cause, Happening
from skill.service import Service
from skill.storage.cold import Cold

log = logging.getLogger(__name__)

KEPT = 90 * 86_400  # seconds
MOST_OF_LAMP = 5000  # entries, some fifty for each of those days
SLACK = 100  # entries above that before they are looked for, so that few writes do
QUIET = 1.5  # seconds after which a change is no longer going on
LONGEST = 30.0  # seconds after which one that goes on is written all the same
FLICKER = 1.0  # seconds within which even switching on and off is one change
SAME = 2000  # milliseconds between two replicas that tell of one change
EVERY = 0.5  # seconds between two looks at what has become quiet
MOST_WAITING = 5000  # lamps
AT_ONCE = 25  # changes in one unit: on SQLite directives wait for it
BETWEEN = 0.02  # seconds in which they have their turn
PRUNE_EVERY = 3600.0  # seconds
PRUNE_BATCH = 500  # rows
LAMPS_AT_ONCE = 50  # lamps whose entries are counted in one statement


@dataclass(slots=True)
class _Going:
    """A change that may still go on; times are Unix seconds."""

    before: LampState
    after: LampState
    cause: Cause
    began: float
    at: float


class History:
    def __init__(self, service: Service, cold: Cold) -> None:
        self._service, self._cold = service, cold
        self._going: dict[str, _Going] = {}
        self._over: list[tuple[str, _Going]] = []
        self._written: Counter[str] = Counter()  # entries of each lamp since its number was looked at

    def hear(self, happening: Happening) -> None:
        endpoint_id, before, after, at, cause = happening
        if before is None or did(before, after) is None:
            return
        if before.power is None and cause == Cause.lamp:  # it had only said that it is there: nothing new
            return
        going = self._going.get(endpoint_id)
        if going is not None:
            flips = before.power != after.power and at - going.at > FLICKER
            if going.cause == cause and not flips and at - going.at <= QUIET and at - going.began <= LONGEST:
                going.after, going.at = after, at
                return
            self._over.append((endpoint_id, self._going.pop(endpoint_id)))
        if len(self._going) + len(self._over) < MOST_WAITING:
            self._going[endpoint_id] = _Going(before, after, cause, at, at)

    def forget(self, endpoint_ids: Iterable[str]) -> None:
        """What is not written yet."""
        gone = set(endpoint_ids)
        self._over = [(endpoint_id, going) for endpoint_id, going in self._over if endpoint_id not in gone]
        for endpoint_id in gone:
            self._going.pop(endpoint_id, None)

    async def run(self) -> None:
        """Until cancelled; what waits is written before the end."""
        ended = self._service.news.listen(self.hear)
        pruned_at = float("-inf")
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self._write_quietly(self._service.clock() - QUIET)
                if (now := asyncio.get_running_loop().time()) - pruned_at > PRUNE_EVERY:
                    pruned_at = now
                    await self._prune()
        finally:
            ended()
            await self._write_quietly(float("inf"))

    async def _write_quietly(self, before: float) -> None:
        quiet = [endpoint_id for endpoint_id, going in self._going.items() if going.at <= before]
        over = [*self._over, *((one, self._going.pop(one)) for one in quiet)]
        self._over = sorted(over, key=lambda one: (one[0], one[1].at))
        while self._over:
            some, self._over = self._over[:AT_ONCE], self._over[AT_ONCE:]
            try:
                async with self._cold.unit() as session:
                    for endpoint_id, going in some:
                        await _write(session, endpoint_id, going)
                self._written.update(endpoint_id for endpoint_id, _ in some)
                await self._bound([lamp for lamp in {lamp for lamp, _ in some} if self._written[lamp] >= SLACK])
            except Exception as error:
                log.warning("%d changes of lamps were not written: %s", len(some), type(error).__name__)
            await asyncio.sleep(BETWEEN)

    async def _bound(self, lamps: Sequence[str]) -> None:
        """Of these lamps the newest entries alone stay."""
        for start in range(0, len(lamps), LAMPS_AT_ONCE):
            some = lamps[start : start + LAMPS_AT_ONCE]
            counted = select(HistoryRow.endpoint_id).where(col(HistoryRow.endpoint_id).in_(some))
            counted = counted.group_by(col(HistoryRow.endpoint_id)).having(func.count() > MOST_OF_LAMP)
            async with self._cold.unit(write=False) as session:
                too_many = (await session.exec(counted)).all()
            for lamp in some:
                self._written.pop(lamp, None)
            for endpoint_id in too_many:
                newest = col(HistoryRow.at).desc(), col(HistoryRow.id).desc()
                mine = select(col(HistoryRow.id)).where(col(HistoryRow.endpoint_id) == endpoint_id).order_by(*newest)
                await self._delete(mine.offset(MOST_OF_LAMP))

    async def _delete(self, which: Any) -> None:
        """A few at a time, so that directives have their turn."""
        while True:
            async with self._cold.unit() as session:
                done = await session.exec(delete(HistoryRow).where(col(HistoryRow.id).in_(which.limit(PRUNE_BATCH))))
            if done.rowcount < PRUNE_BATCH:
                return
            await asyncio.sleep(BETWEEN)

    async def _prune(self) -> None:
        oldest = int((self._service.clock() - KEPT) * 1000)
        try:
            await self._delete(select(col(HistoryRow.id)).where(col(HistoryRow.at) < oldest))
            await self._bound(list(self._written))
        except Exception as error:
            log.warning("old history was not pruned: %s", type(error).__name__)

    async def of(self, owner: str, endpoint_id: str | None, before: int | None, limit: int) -> Sequence[HistoryRow]:
        """What this person's lamps did while they were theirs, newest first; `before` in milliseconds."""
        wanted = select(HistoryRow).where(col(HistoryRow.owner) == owner)
        if endpoint_id is not None:
            wanted = wanted.where(col(HistoryRow.endpoint_id) == endpoint_id)
        if before is not None:
            wanted = wanted.where(col(HistoryRow.at) < before)
        newest = wanted.order_by(col(HistoryRow.at).desc(), col(HistoryRow.id).desc()).limit(limit)
        async with self._cold.unit(write=False) as session:
            return (await session.exec(newest)).all()

    async def delete(self, owner: str) -> None:
        """All of this person's, at once."""
        async with self._cold.unit() as session:
            lamps = (await session.exec(select(col(LampRow.endpoint_id)).where(col(LampRow.owner) == owner))).all()
            self.forget(lamps)
            await session.exec(delete(HistoryRow).where(col(HistoryRow.owner) == owner))


def did(before: LampState, after: LampState) -> str | None:
    """What of it a person would call a change; None where it is nothing, or only being there."""
    if before.power != after.power:
        return None if after.power is None else "on" if after.power else "off"
    if not after.power:
        return None
    colours = [(state.mode, (state.hue, state.saturation)) for state in (before, after)]
    if after.mode == "color" and colours[0] != colours[1]:
        return "color"
    if after.mode == "white" and (before.mode, before.kelvin) != (after.mode, after.kelvin):
        return "white"
    return "brightness" if before.brightness != after.brightness else None


async def _write(session: AsyncSession, endpoint_id: str, going: _Going) -> None:
    what = did(going.before, going.after)
    lamp = await session.get(LampRow, endpoint_id, with_for_update=True)
    # In the second of a claim it may have been the former owner's.
    if what is None or lamp is None or not lamp.owner or (lamp.claimed_at or 0) >= int(going.began):
        return
    at = round(going.at * 1000)
    state: dict[str, Any] = going.after._asdict()
    state.pop("online")
    near = select(HistoryRow).where(
        col(HistoryRow.endpoint_id) == endpoint_id, col(HistoryRow.at).between(at - SAME, at + SAME)
    )
    for row in (await session.exec(near)).all():
        if all(row.state.get(name) == value for name, value in state.items()):
            if row.cause == Cause.lamp and going.cause != Cause.lamp:
                row.cause = going.cause.value
            return
    state |= {"did": what, "name": lamp.name}
    session.add(HistoryRow(endpoint_id=endpoint_id, owner=lamp.owner, at=at, cause=going.cause.value, state=state))
