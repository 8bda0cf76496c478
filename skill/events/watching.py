"""What of all that happens to lamps Alexa has to be told.

`known_state` says how Alexa believes a lamp to stand. What Alexa asked for is written there at once; everything else is
judged when the lamp has come to rest, by comparing it with that row, and reported by whoever changes the row, in one
unit of work with the event. So a fade is one report, the echo of Alexa's own command none, whichever replica hears it,
and of two replicas that hear the same one reports it. What happened while nobody listened is judged at the first
hearing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.abilities import Abilities
from skill.canonical import LampState, Sample
from skill.events.comparing import as_told, decoded, differences, encoded, reportable
from skill.events.messages import CAUSES, change_report
from skill.models import EventGrantRow, KnownStateRow, LampRow, SimulatedLampRow
from skill.news import Cause, Happening
from skill.patience import Patience
from skill.storage.cold import Cold
from skill.storage.outbox import add_change, forget_changes, inserting, take_back_changes
from skill.storage.store import Clock

log = logging.getLogger(__name__)

SETTLING = 2.5  # seconds of rest until a lamp is judged: the echo of a command of Alexa's comes within two
SETTLING_BY_HAND = 0.5  # seconds, where the companion changed it, which is certainly not Alexa
SETTLING_LONGEST = 15.0  # seconds, for a lamp that never rests
FIRST_WORDS = 0.5  # seconds in which a lamp that is heard first says all of what the broker kept
TICK = 0.1  # seconds between two looks at what came to rest
TROUBLE = 1.0  # seconds until the database is asked again
OVERTAKEN = 2000  # milliseconds; what is further ahead is another clock, not a later directive
LAMPS_EVERY = 1.0  # seconds
MOST_AT_ONCE = 20  # lamps judged in one unit: on SQLite directives wait for it
BETWEEN = 0.03  # seconds in which they have their turn
MOST_WRITTEN = 2000  # lamps in one statement, of which databases take 32,766 values
LAST_WORDS = 2.0  # seconds, at the end, for what Alexa asked for last


@dataclass(slots=True)
class _Suspect:
    """A lamp that may stand otherwise than Alexa believes. `before` is how it stood when it was last at rest, where
    this process knows it; `since`, `due` and `latest` are seconds of the loop's clock."""

    before: LampState | None
    after: LampState | None
    at: float
    cause: Cause
    since: float
    due: float
    latest: float


class Watching:
    """`lamps` gives the ids of those whose users have given a grant, `version` grows when that may have changed."""

    def __init__(
        self,
        cold: Cold,
        clock: Clock,
        lamps: Callable[[], Awaitable[frozenset[str]]],
        version: Callable[[], Awaitable[int]],
        on_event: Callable[[], None],
    ) -> None:
        self._cold, self._clock, self._lamps, self._version, self._on_event = cold, clock, lamps, version, on_event
        self._watched: frozenset[str] | None = None  # until it is known, every lamp is
        self._seen: int | None = None
        self._suspects: dict[str, _Suspect] = {}
        self._asked_for: dict[str, tuple[LampState, float]] = {}
        self._last: dict[str, tuple[LampState, float]] = {}  # of every lamp: it may be watched from now on
        self._something = asyncio.Event()

    def hear(self, happening: Happening) -> None:
        endpoint_id, before, after, at, cause = happening
        self._last[endpoint_id] = after, at
        if self._watched is not None and endpoint_id not in self._watched:
            return
        now = asyncio.get_running_loop().time()
        suspect = self._suspects.get(endpoint_id)
        if cause is Cause.alexa:
            self._asked_for[endpoint_id] = after, at
            if suspect is not None:
                suspect.after, suspect.at = after, at
        elif suspect is None:
            rest = SETTLING_BY_HAND if cause is Cause.companion else SETTLING
            self._suspects[endpoint_id] = _Suspect(before, after, at, cause, now, now + rest, now + SETTLING_LONGEST)
        else:
            suspect.after, suspect.at = after, at
            if suspect.before is None and now - suspect.since > FIRST_WORDS:
                suspect.before = before
            if cause is Cause.companion:
                suspect.cause = cause
            rest = SETTLING_BY_HAND if suspect.cause is Cause.companion else SETTLING
            suspect.due = min(suspect.latest, now + rest)
        self._something.set()

    async def keep_looking(self) -> None:
        """Whose lamps are watched."""
        while True:
            try:
                await self.look()
            except Exception as error:
                log.warning("lamps with grants not looked up: %s", type(error).__name__)
            await asyncio.sleep(LAMPS_EVERY)

    async def look(self) -> None:
        version = await self._version()
        if version == self._seen:
            return
        watched = await self._lamps()
        if new := watched - (self._watched or frozenset()):
            await self._suspect(new)
        self._watched, self._seen = watched, version

    async def _suspect(self, new: frozenset[str]) -> None:
        """What was heard of them before they were watched, and how simulated ones stand, is what Alexa finds when it
        asks; unless it was told otherwise, before this process began."""
        async with self._cold.unit(write=False) as session:
            simulated = (await session.exec(select(SimulatedLampRow.endpoint_id))).all()
        now = asyncio.get_running_loop().time()
        heard = {each: self._last[each] for each in new & self._last.keys()}
        for endpoint_id, (after, at) in (
            dict.fromkeys(new.intersection(simulated), (None, self._clock())) | heard
        ).items():
            self._suspects.setdefault(endpoint_id, _Suspect(None, after, at, Cause.lamp, now, now, now))
        self._something.set()

    async def run(self) -> None:
        while True:
            if not self._suspects and not self._asked_for:
                self._something.clear()
                await self._something.wait()
            await asyncio.sleep(TICK)
            try:
                await self._write_what_alexa_asked_for()
                await self._judge_who_rests()
            except Exception as error:
                log.warning("lamps not judged: %s: %s", type(error).__name__, error)
                await asyncio.sleep(TROUBLE)

    async def close(self) -> None:
        with contextlib.suppress(Exception), Patience(LAST_WORDS):
            await self._write_what_alexa_asked_for()

    async def _write_what_alexa_asked_for(self) -> None:
        """Alexa was told by the answer how the lamp stands: what waits to tell it of the lamp is out of date. Unless
        another replica was faster with what it was asked a moment later."""
        asked_for = dict(sorted(self._asked_for.items())[:MOST_WRITTEN])
        if not asked_for:
            return
        now_ms = int(self._clock() * 1000)
        async with self._cold.unit() as session:
            there = await session.exec(select(LampRow.endpoint_id).where(col(LampRow.endpoint_id).in_(asked_for)))
            rows = [
                {"endpoint_id": each, "state": encoded(asked_for[each][0]), "at": int(asked_for[each][1] * 1000)}
                for each in sorted(there.all())
            ]
            if rows:
                statement = inserting(session, KnownStateRow.__table__).values(rows)  # type: ignore[attr-defined]
                new = {"state": statement.excluded.state, "at": statement.excluded.at}
                ahead = col(KnownStateRow.at) - statement.excluded.at
                written = await session.exec(
                    statement.on_conflict_do_update(
                        index_elements=["endpoint_id"], set_=new, where=or_(ahead <= 0, ahead > OVERTAKEN)
                    ).returning(col(KnownStateRow.endpoint_id))
                )
                await forget_changes(session, [row[0] for row in written.all()], now_ms)
        for endpoint_id, asked in asked_for.items():
            if self._asked_for.get(endpoint_id) is asked:
                del self._asked_for[endpoint_id]

    async def _judge_who_rests(self) -> None:
        rest = self._who_rest(sorted(self._suspects))
        for start in range(0, len(rest), MOST_AT_ONCE):
            if start:
                await asyncio.sleep(BETWEEN)
                await self._write_what_alexa_asked_for()
            await self._judge_some(self._who_rest(rest[start : start + MOST_AT_ONCE]))

    def _who_rest(self, endpoint_ids: Sequence[str]) -> list[str]:
        now = asyncio.get_running_loop().time()
        return [each for each in endpoint_ids if self._suspects[each].due <= now]

    async def _judge_some(self, rest: Sequence[str]) -> None:
        judged = {endpoint_id: self._suspects.pop(endpoint_id) for endpoint_id in rest}
        try:
            again = await self._judge(judged)
        except BaseException:
            for endpoint_id, suspect in judged.items():
                self._put_back(endpoint_id, suspect)
            raise
        for endpoint_id in again:
            self._put_back(endpoint_id, judged[endpoint_id])

    def _put_back(self, endpoint_id: str, suspect: _Suspect) -> None:
        """What happened meanwhile is newer, but it began where this one did."""
        newer = self._suspects.setdefault(endpoint_id, suspect)
        newer.before = suspect.before

    async def _judge(self, suspects: Mapping[str, _Suspect]) -> list[str]:
        """One unit of work. Those that another replica judged meanwhile must be judged again: they come back."""
        again, reported = [], False
        async with self._cold.unit() as session:
            found = await session.exec(
                select(LampRow, KnownStateRow, SimulatedLampRow)
                .outerjoin(KnownStateRow, col(KnownStateRow.endpoint_id) == LampRow.endpoint_id)
                .outerjoin(SimulatedLampRow, col(SimulatedLampRow.endpoint_id) == LampRow.endpoint_id)
                .where(col(LampRow.endpoint_id).in_(suspects))
                .order_by(col(LampRow.endpoint_id))  # one order everywhere: two replicas never wait for each other
            )
            lamps = found.all()
            grants = await self._grants(session, {lamp.owner for lamp, _, _ in lamps})
            for lamp, known, simulated in lamps:
                suspect = suspects[lamp.endpoint_id]
                if simulated is not None:
                    suspect.after = LampState(**{name: getattr(simulated, name) for name in LampState._fields})
                if not (regions := grants.get(lamp.owner)) or suspect.after is None:
                    continue
                verdict = await self._judge_one(session, lamp, regions, known, suspect)
                if verdict is None:
                    again.append(lamp.endpoint_id)
                reported |= verdict is True
        if reported:
            self._on_event()
        return again

    @staticmethod
    async def _grants(session: AsyncSession, owners: set[str]) -> dict[str, list[str]]:
        given: dict[str, list[str]] = {}
        wanted = select(EventGrantRow.owner, EventGrantRow.region).where(col(EventGrantRow.owner).in_(owners))
        for owner, region in await session.exec(wanted):
            given.setdefault(owner, []).append(region)
        return given

    async def _judge_one(
        self, session: AsyncSession, lamp: LampRow, regions: list[str], known: KnownStateRow | None, suspect: _Suspect
    ) -> bool | None:
        """Whether it is reported; None where somebody else was faster."""
        assert suspect.after is not None
        try:
            abilities = Abilities.of(lamp.driver, lamp.options)
        except ValueError:
            return False
        told = (decoded(known.state) if known is not None else None) or suspect.before
        if told is None:  # nobody has ever told Alexa, which asks by itself
            await self._tell_known(session, lamp.endpoint_id, None, suspect.after, suspect.at)
            return False
        now = as_told(suspect.after, told)
        changed = differences(told, now, abilities)
        if not changed and known is not None:
            return False
        if not await self._tell_known(
            session, lamp.endpoint_id, None if known is None else known.state, now, suspect.at
        ):
            return None
        if not changed:
            return False
        if known is None and not await self._still_of(session, lamp):
            return None
        for region in regions:
            await self._report(session, lamp, region, told, now, abilities, changed, suspect)
        log.info("lamp %s changed without Alexa: %s", lamp.endpoint_id, ", ".join(changed))
        return True

    async def _tell_known(
        self, session: AsyncSession, endpoint_id: str, seen: str | None, state: LampState, at: float
    ) -> bool:
        """Whether it was this unit that changed the row. `at` is when the lamp stood so, in seconds."""
        new = {"state": encoded(state), "at": int(at * 1000)}
        if seen is None:
            row = inserting(session, KnownStateRow.__table__).values(  # type: ignore[attr-defined]
                endpoint_id=endpoint_id, **new
            )
            statement: Any = row.on_conflict_do_nothing()
        else:
            here = col(KnownStateRow.endpoint_id) == endpoint_id, col(KnownStateRow.state) == seen
            statement = update(KnownStateRow).where(*here).values(**new)
        return int((await session.exec(statement)).rowcount) == 1

    @staticmethod
    async def _still_of(session: AsyncSession, lamp: LampRow) -> bool:
        """Where there was no row to lose, the lamp may have been given away since it was read. The new row keeps it
        where it is from now on (by its foreign key), and goes where it is too late."""
        owner = select(LampRow.owner).where(LampRow.endpoint_id == lamp.endpoint_id)
        if (await session.exec(owner)).first() == lamp.owner:
            return True
        await session.exec(delete(KnownStateRow).where(col(KnownStateRow.endpoint_id) == lamp.endpoint_id))
        return False

    async def _report(
        self,
        session: AsyncSession,
        lamp: LampRow,
        region: str,
        told: LampState,
        now: LampState,
        abilities: Abilities,
        changed: list[str],
        suspect: _Suspect,
    ) -> None:
        """In the place of what still waits to be told of the lamp, from where that began. Of what was perhaps sent, and
        perhaps taken, everything is told again."""
        now_ms = int(self._clock() * 1000)
        names = set(changed)
        replaced = await take_back_changes(session, lamp.owner, region, lamp.endpoint_id, now_ms)
        was = told
        if replaced:
            was = decoded(replaced[0][0]["was"]) or told
            maybe = [name for body, tried in replaced if tried for name in body["changed"]]
            names = {*differences(was, now, abilities), *maybe} & reportable(now, abilities)
            if not names:
                return
        sample = Sample(now, suspect.at, max(0, now_ms - int(suspect.at * 1000)))
        message = change_report(lamp.endpoint_id, names, sample, abilities, CAUSES[suspect.cause])
        body = {"was": encoded(was), "changed": sorted(names), "message": message}
        add_change(session, lamp.owner, region, lamp.endpoint_id, body, now_ms)
