"""Users' leave to send events: the tokens of Login with Amazon, sealed, one pair for each user and region."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import orjson
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.events.amazon import Amazon, AmazonAway, LoginRefused, Tokens
from skill.models import EventGrantRow, EventRow, LampRow
from skill.sealing import CannotOpen, Sealing
from skill.storage.cold import Cold
from skill.storage.outbox import all_appeared, forget_what_is_known, inserting, regions_of, registry_changed
from skill.storage.store import Clock

log = logging.getLogger(__name__)

PURPOSE = "event grants"
HEAD_START = 300  # seconds before its end that a token is renewed
TURN = 15  # seconds in which one replica renews; more than the answer may take
STORING = (0.2, 1.0, 3.0)  # seconds between attempts to store what Amazon gave
LAST_RENEWALS = 2.0  # seconds, at the end
LOOK_AGAIN = 0.2  # seconds
ANOTHERS_TURN = 8.0  # seconds that the others wait for it
AFTER_LINKING = 3_000  # milliseconds until the lamps are told under a new grant: Amazon discovers them itself first


class NoGrant(Exception):
    """There is none, or none any more: nothing can be sent for this user in this region."""


class Held(NamedTuple):
    """An access token, and the generation of the grant that it is of."""

    token: str
    generation: int


class Grants:
    def __init__(self, cold: Cold, sealing: Sealing, amazon: Amazon, clock: Clock) -> None:
        self._cold, self._sealing, self._amazon, self._clock = cold, sealing, amazon, clock
        self._renewals: set[asyncio.Task[Held]] = set()

    async def close(self) -> None:
        if self._renewals:
            _, left = await asyncio.wait(self._renewals, timeout=LAST_RENEWALS)
            for renewal in left:
                renewal.cancel()

    async def accept(self, owner: str, region: str, code: str) -> None:
        """Takes the place of the grant that was there. Raises LoginRefused, AmazonAway."""
        tokens = await self._amazon.exchange(code)
        await _stored(lambda: self._store(owner, region, tokens))
        log.info("user %s has given a grant for events in region %s", owner, region)

    async def _store(self, owner: str, region: str, tokens: Tokens) -> None:
        now = int(self._clock())
        values = self._values(owner, region, tokens, now)
        async with self._cold.unit() as session:
            await registry_changed(session)
            if not await regions_of(session, owner):
                await forget_what_is_known(session, owner)
            statement = inserting(session, EventGrantRow.__table__).values(  # type: ignore[attr-defined]
                owner=owner, region=region, generation=0, created_at=now, **values
            )
            newer = values | {"generation": col(EventGrantRow.generation) + 1, "created_at": now}
            await session.exec(statement.on_conflict_do_update(index_elements=["owner", "region"], set_=newer))
            await all_appeared(session, owner, region, now * 1000, now * 1000 + AFTER_LINKING)

    def _values(self, owner: str, region: str, tokens: Tokens, now: int) -> dict[str, object]:
        plain = orjson.dumps({"access": tokens.access, "refresh": tokens.refresh})
        sealed = self._sealing.seal(plain, f"{owner} {region}")
        return {"sealed": sealed, "expires_at": now + tokens.expires_in, "renewing_until": 0}

    async def has(self, owner: str) -> bool:
        async with self._cold.unit(write=False) as session:
            return (
                await session.exec(select(EventGrantRow.region).where(EventGrantRow.owner == owner).limit(1))
            ).first() is not None

    async def lamps(self) -> frozenset[str]:
        """The endpoint ids of all users who have given one."""
        owners = select(EventGrantRow.owner)
        async with self._cold.unit(write=False) as session:
            return frozenset(
                (await session.exec(select(LampRow.endpoint_id).where(col(LampRow.owner).in_(owners)))).all()
            )

    async def at_hand(self, owner: str, region: str, refused: int | None = None) -> Held | None:
        """An access token that is good for five more minutes; None where it must be renewed, for which `token` waits.
        `refused`: the generation whose token Amazon did not take. Raises NoGrant, AmazonAway."""
        return self._good_for(HEAD_START, await self._grant(owner, region), refused)

    async def token(self, owner: str, region: str, refused: int | None = None) -> Held:
        """The same, renewed where it must be. Raises also LoginRefused, where our own client is at fault."""
        patience = asyncio.get_running_loop().time() + ANOTHERS_TURN
        while True:
            grant = await self._grant(owner, region)
            if (held := self._good_for(HEAD_START, grant, refused)) is not None:
                return held
            if await self._my_turn(grant, int(self._clock())):
                return await self._renewed_to_the_end(grant)
            if (held := self._good_for(HEAD_START / 10, grant, refused)) is not None:
                return held  # another replica is at it, and this one is still good
            if asyncio.get_running_loop().time() > patience:
                raise AmazonAway("another replica has not renewed the token in time")
            await asyncio.sleep(LOOK_AGAIN)

    def _good_for(self, seconds: float, grant: EventGrantRow, refused: int | None) -> Held | None:
        held = Held(self._opened(grant)["access"], grant.generation)
        good = grant.expires_at - int(self._clock()) > seconds and grant.generation != refused
        return held if good else None

    async def _grant(self, owner: str, region: str) -> EventGrantRow:
        async with self._cold.unit(write=False) as session:
            grant = await session.get(EventGrantRow, (owner, region))
        if grant is None:
            raise NoGrant
        return grant

    def _opened(self, grant: EventGrantRow) -> dict[str, str]:
        """What cannot be opened is not thrown away: the operator may have lost the key, and find it."""
        try:
            opened: dict[str, str] = orjson.loads(self._sealing.open(grant.sealed, f"{grant.owner} {grant.region}"))
        except CannotOpen:
            log.error("the grant of user %s in %s does not open: SKILL_SECRET_KEY?", grant.owner, grant.region)
            raise AmazonAway("the grant does not open under SKILL_SECRET_KEY") from None
        return opened

    async def _my_turn(self, grant: EventGrantRow, now: int) -> bool:
        turn = update(EventGrantRow).where(*_of(grant), col(EventGrantRow.renewing_until) <= now)
        async with self._cold.unit() as session:
            return (await session.exec(turn.values(renewing_until=now + TURN))).rowcount == 1

    async def _renewed_to_the_end(self, grant: EventGrantRow) -> Held:
        """Whether or not somebody still waits for it: the refresh token before may be used up."""
        renewal = asyncio.create_task(self._renewed(grant))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._over)
        return await asyncio.shield(renewal)

    def _over(self, renewal: "asyncio.Task[Held]") -> None:
        """How it ended is for whoever waits; nobody may."""
        self._renewals.discard(renewal)
        if not renewal.cancelled():
            renewal.exception()

    async def _renewed(self, grant: EventGrantRow) -> Held:
        try:
            tokens = await self._amazon.renew(self._opened(grant)["refresh"])
        except LoginRefused as refusal:
            if not refusal.is_final:
                await self._give_turn_back(grant)
                raise
            if await self.drop(grant.owner, grant.region, grant.generation):
                log.warning("user %s has taken back the grant for events in region %s", grant.owner, grant.region)
                raise NoGrant from None
            raise AmazonAway("the grant was replaced meanwhile") from None
        except AmazonAway:
            await self._give_turn_back(grant)
            raise
        await self._keep(grant, tokens)
        return Held(tokens.access, grant.generation + 1)

    async def _keep(self, grant: EventGrantRow, tokens: Tokens) -> None:
        values = self._values(grant.owner, grant.region, tokens, int(self._clock()))
        newer = update(EventGrantRow).where(*_of(grant)).values(**values, generation=grant.generation + 1)

        async def keep() -> None:
            async with self._cold.unit() as session:
                if (await session.exec(newer)).rowcount == 0:
                    raise AmazonAway("the grant was replaced meanwhile")

        await _stored(keep)

    async def _give_turn_back(self, grant: EventGrantRow) -> None:
        async with self._cold.unit() as session:
            await session.exec(update(EventGrantRow).where(*_of(grant)).values(renewing_until=0))

    async def drop(self, owner: str, region: str, generation: int) -> bool:
        """With all that waits to be sent under it; nothing where it was replaced meanwhile."""
        async with self._cold.unit() as session:
            return await drop_grants(session, owner, region, generation) > 0


async def drop_grants(
    session: AsyncSession, owner: str, region: str | None = None, generation: int | None = None
) -> int:
    """How many there were."""
    await registry_changed(session)
    grants = delete(EventGrantRow).where(col(EventGrantRow.owner) == owner)
    events = delete(EventRow).where(col(EventRow.owner) == owner)
    if region is not None:
        grants, events = grants.where(col(EventGrantRow.region) == region), events.where(col(EventRow.region) == region)
    if generation is not None:
        grants = grants.where(col(EventGrantRow.generation) == generation)
    dropped = int((await session.exec(grants)).rowcount)
    if dropped:
        await session.exec(events)
    return dropped


async def _stored(work: Callable[[], Awaitable[None]]) -> None:
    """More than once where the database does not take it: the code is used up, the refresh token before perhaps too."""
    for pause in (*STORING, None):
        try:
            return await work()
        except (DBAPIError, OSError, TimeoutError):
            if pause is None:
                raise
            await asyncio.sleep(pause)


def _of(grant: EventGrantRow) -> tuple[Any, ...]:
    return (
        col(EventGrantRow.owner) == grant.owner,
        col(EventGrantRow.region) == grant.region,
        col(EventGrantRow.generation) == grant.generation,
    )
