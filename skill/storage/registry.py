"""The cold path: lamps registered, claimed, shown and changed; by the operator's commands and by the companion."""

import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import and_, update
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.abilities import Abilities
from skill.claiming import digest_of, new_code
from skill.models import NOBODY, LampRow, RegistryVersionRow, SimulatedLampRow
from skill.storage import broker_accounts, outbox
from skill.storage.broker_accounts import TwoOwners
from skill.storage.engine import open_engine
from skill.storage.lamp_topics import Topics, TopicTaken

log = logging.getLogger(__name__)

__all__ = ["OFFERED", "ClaimRefused", "Registry", "TopicTaken", "TwoOwners", "open_registry"]

SIMULATED = "simulated"

FIRST_WHITE = 2700
"""Kelvin of a new simulated lamp, or the nearest that it can."""

OFFERED = 7 * 86400
"""Seconds for which a lamp that has an owner can be claimed by another with the code that its owner gave away."""


class ClaimRefused(Exception):
    """No lamp for this code and this person: wrong, used by another, expired, withdrawn, one's own offer are one and
    the same."""

    def __init__(self) -> None:
        super().__init__("no lamp can be claimed with this code")


def _near_white(driver: str, options: Mapping[str, Any], kelvin: int) -> int:
    limits = Abilities.of(driver, options).kelvin
    return kelvin if limits is None else limits.nearest(kelvin)


def _held_by(code: str, owner: str, now: int) -> tuple[Any, ...]:
    """The lamp that the code claims for this owner; none where it is no code."""
    return (
        col(LampRow.claim_digest) == digest_of(code),
        col(LampRow.owner) != owner,
        or_(col(LampRow.claim_expires_at).is_(None), col(LampRow.claim_expires_at) > now),
    )


def _got_by(code: str, owner: str) -> tuple[Any, ...]:
    """The lamp that this owner has by the code already."""
    return col(LampRow.claimed_with) == digest_of(code), col(LampRow.owner) == owner


class Registry:
    """One unit of work on the lamps: committed when the block ends well, else nothing happened.

    Where a method takes an `owner`, another's lamp is as one that does not exist.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._topics = Topics(session)

    async def add(
        self,
        owner: str,
        name: str,
        driver: str,
        options: Mapping[str, Any],
        *,
        discovered_as: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> LampRow:
        """The id is random: globally unique, and never given again (contract 2.2). A lamp of NOBODY waits for `code`.
        Raises ValueError where the options say what no lamp can, TopicTaken."""
        now = int(time.time())
        lamp = LampRow(
            endpoint_id=f"lamp-{uuid.uuid4().hex}",
            owner=owner,
            name=name,
            driver=driver,
            options=dict(options),
            created_at=now,
            claimed_at=None if owner == NOBODY else now,
            discovered_as=discovered_as,
            details=dict(details) if details else None,
        )
        white = _near_white(driver, options, FIRST_WHITE)
        await self._changed()
        taken = await self._topics.free(lamp.endpoint_id, driver, {}, options)
        self._session.add(lamp)
        await self._session.flush()
        await taken()
        if driver == SIMULATED:
            self._session.add(SimulatedLampRow(endpoint_id=lamp.endpoint_id, kelvin=white))
        await self._appeared(lamp)
        return lamp

    async def change(
        self, endpoint_id: str, options: Mapping[str, Any], details: Mapping[str, Any] | None = None
    ) -> LampRow | None:
        """Other options in place of all that it had, other details where some are given. Raises ValueError,
        TopicTaken."""
        if (lamp := await self._to_change(endpoint_id)) is None:
            return None
        Abilities.of(lamp.driver, options)
        taken = await self._topics.free(endpoint_id, lamp.driver, lamp.options, options)
        await taken()
        lamp.options = dict(options)
        if details:
            lamp.details = dict(details)
        if (simulated := await self._session.get(SimulatedLampRow, endpoint_id)) is not None:
            simulated.kelvin = _near_white(lamp.driver, options, simulated.kelvin)
        await self._appeared(lamp)
        return lamp

    async def lamps(self, owner: str | None = None) -> Sequence[LampRow]:
        """Oldest first; all of them where no owner is named."""
        statement = select(LampRow).order_by(col(LampRow.created_at), col(LampRow.name), col(LampRow.endpoint_id))
        return (await self._session.exec(statement if owner is None else statement.where(LampRow.owner == owner))).all()

    async def lamp(self, endpoint_id: str) -> LampRow | None:
        return await self._session.get(LampRow, endpoint_id)

    async def discovered(self, discovered_as: str) -> LampRow | None:
        return (await self._session.exec(select(LampRow).where(LampRow.discovered_as == discovered_as))).first()

    async def claims(self, code: str, owner: str, now: int) -> bool:
        """Whether the code claims a lamp for this owner now, or did before. In a unit that only reads it takes no lock,
        so that guesses keep nobody waiting; what comes of it is for `claim` to say."""
        found = select(LampRow.endpoint_id).where(or_(and_(*_held_by(code, owner, now)), and_(*_got_by(code, owner))))
        return digest_of(code) is not None and (await self._session.exec(found)).first() is not None

    async def claim(self, code: str, owner: str, now: int) -> LampRow:
        """The lamp of the code becomes the owner's: one UPDATE uses the code up, so that of two that come at once one
        wins. Its name stays, its room does not. Where the same owner got it by this code before (a form that was sent
        twice), it is that lamp, as it is by now. Raises ClaimRefused."""
        if owner == NOBODY:
            raise ValueError("nobody claims no lamp")
        if not await self.claims(code, owner, now):
            raise ClaimRefused
        if (lamp := await self._got(code, owner)) is not None:
            return lamp
        await self._changed()
        used = (
            update(LampRow)
            .where(*_held_by(code, owner, now))
            .values(claim_digest=None, claim_expires_at=None, claimed_with=digest_of(code))
        )
        row = (
            await self._session.exec(
                used.returning(col(LampRow.endpoint_id), col(LampRow.owner)),
                execution_options={"synchronize_session": False},
            )
        ).first()
        if row is None:
            if (lamp := await self._got(code, owner)) is None:
                raise ClaimRefused
            return lamp
        endpoint_id, before = row
        if before != NOBODY:
            await self._left(before, endpoint_id)
        lamp = await self._session.get_one(LampRow, endpoint_id, populate_existing=True)
        lamp.owner, lamp.claimed_at, lamp.room = owner, now, None
        return await self._come(lamp)

    async def _got(self, code: str, owner: str) -> LampRow | None:
        return (await self._session.exec(select(LampRow).where(*_got_by(code, owner)))).first()

    async def code(self, endpoint_id: str) -> str | None:
        """A new code for a lamp of NOBODY, in place of the one before; it holds until it is used. None where somebody
        has the lamp."""
        lamp = await self._to_change(endpoint_id)
        return None if lamp is None or lamp.owner != NOBODY else await self._new_code(lamp)

    async def unclaim(self, endpoint_id: str, owner: str, now: int) -> str | None:
        """Nobody's from now on; returns the code by which the next one claims it. None where it is not theirs."""
        if owner == NOBODY or (lamp := await self._to_change(endpoint_id, owner)) is None:
            return None
        await self._left(owner, endpoint_id)
        lamp.owner, lamp.claimed_at, lamp.claimed_with, lamp.room = NOBODY, None, None, None
        return await self._new_code(lamp)

    async def offer(self, endpoint_id: str, owner: str, now: int) -> str | None:
        """A code by which somebody else may claim it, within `OFFERED` seconds, in place of the one before; until then
        it stays the owner's. None where it is not theirs."""
        if owner == NOBODY or (lamp := await self._to_change(endpoint_id, owner)) is None:
            return None
        return await self._new_code(lamp, now + OFFERED)

    async def withdraw(self, endpoint_id: str, owner: str) -> bool:
        """The offer holds no longer. False where there was none, or it is not theirs."""
        lamp = None if owner == NOBODY else await self._to_change(endpoint_id, owner)
        if lamp is None or lamp.claim_digest is None:
            return False
        lamp.claim_digest, lamp.claim_expires_at = None, None
        await self._session.flush()
        return True

    async def give(self, endpoint_id: str, owner: str, now: int) -> LampRow | None:
        """The operator's word: the lamp is this owner's from now on, whoever had it. Codes for it hold no longer."""
        if owner == NOBODY or (lamp := await self._to_change(endpoint_id)) is None:
            return None
        lamp.claim_digest, lamp.claim_expires_at = None, None
        if lamp.owner == owner:
            return lamp
        if lamp.owner != NOBODY:
            await self._left(lamp.owner, endpoint_id)
        lamp.owner, lamp.claimed_at, lamp.claimed_with, lamp.room = owner, now, None, None
        return await self._come(lamp)

    async def rename(self, endpoint_id: str, name: str, owner: str | None = None) -> LampRow | None:
        if (lamp := await self._to_change(endpoint_id, owner)) is not None:
            lamp.name = name
            await self._session.flush()
            await self._appeared(lamp)
        return lamp

    async def move(self, endpoint_id: str, room: str | None, owner: str | None = None) -> LampRow | None:
        """To a room, a word of the owner's own; None is none."""
        if (lamp := await self._to_change(endpoint_id, owner)) is not None:
            lamp.room = room or None
            await self._session.flush()
        return lamp

    async def remove(self, endpoint_id: str) -> LampRow | None:
        if (lamp := await self._to_change(endpoint_id)) is not None:
            if lamp.owner != NOBODY:
                await self._left(lamp.owner, endpoint_id)
            await self._session.delete(lamp)
            await self._session.flush()
            self._topics.forget()
        return lamp

    async def plug(self, endpoint_id: str, online: bool) -> SimulatedLampRow | None:
        """Give a simulated lamp its current, or take it."""
        if (lamp := await self._session.get(SimulatedLampRow, endpoint_id)) is not None:
            lamp.online = online
        return lamp

    async def account(self, endpoint_id: str, user: str | None, verifier: str | None) -> LampRow | None:
        """The lamp's account at the broker, in place of the one before; None is none. Lamps of one device may share
        one, and then its password; whoever's lamp came to another person loses it with that."""
        if (lamp := await self._to_change(endpoint_id)) is not None:
            await broker_accounts.put(self._session, lamp, user, verifier)
        return lamp

    async def share_account(self, endpoint_id: str, other: str) -> LampRow | None:
        """The account that another lamp of the same device has, for both. Raises TwoOwners."""
        if (lamp := await self._to_change(endpoint_id)) is not None:
            await broker_accounts.share(self._session, lamp, await self._to_change(other))
        return lamp

    async def _new_code(self, lamp: LampRow, expires_at: int | None = None) -> str:
        code, digest = new_code()
        lamp.claim_digest, lamp.claim_expires_at = digest, expires_at
        await self._session.flush()
        return code

    async def _to_change(self, endpoint_id: str, owner: str | None = None) -> LampRow | None:
        """As it stands once it is this unit's turn."""
        await self._changed()
        lamp = await self._session.get(LampRow, endpoint_id, populate_existing=True, with_for_update=True)
        return None if lamp is None or (owner is not None and lamp.owner != owner) else lamp

    async def _changed(self) -> None:
        """Every replica hears of it. First in a unit, so that two units on one lamp wait for each other here."""
        version = col(RegistryVersionRow.version)
        await self._session.exec(update(RegistryVersionRow).values(version=version + 1))

    async def _come(self, lamp: LampRow) -> LampRow:
        """Called when the lamp is its new owner's."""
        await self._session.flush()
        await self._appeared(lamp)
        if await broker_accounts.parted(self._session, lamp):
            log.warning("%s: write the broker's files again (`skill broker`): its lamps parted", lamp.broker_user)
        return lamp

    async def _appeared(self, lamp: LampRow) -> None:
        if lamp.owner != NOBODY:
            await outbox.lamp_appeared(self._session, lamp.owner, lamp.endpoint_id, int(time.time()))

    async def _left(self, owner: str, endpoint_id: str) -> None:
        """Called before the lamp is another's."""
        await outbox.lamp_left(self._session, owner, endpoint_id, int(time.time()))


@asynccontextmanager
async def open_registry(url: str) -> AsyncIterator[Registry]:
    engine = open_engine(url)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield Registry(session)
    finally:
        await engine.dispose()
