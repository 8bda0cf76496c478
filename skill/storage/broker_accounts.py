"""Which lamps have one account at the broker together: those of one device, as long as they are one person's."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from skill.models import NOBODY, LampRow


class TwoOwners(Exception):
    """One account for two people's lamps would let each hear and command the other's."""


async def put(session: AsyncSession, lamp: LampRow, user: str | None, verifier: str | None) -> None:
    """In place of the account that the lamp had. Those who share the new one get its password; of the old one and the
    new one, lamps that have come to other people have none any more, since its password is known to a stranger."""
    mates = await _of(session, {lamp.broker_user, user})
    lamp.broker_user, lamp.broker_verifier = user, verifier
    for mate in mates:
        if mate.endpoint_id == lamp.endpoint_id:
            continue
        if NOBODY not in (mate.owner, lamp.owner) and mate.owner != lamp.owner:
            mate.broker_user = mate.broker_verifier = None
        elif mate.broker_user == user:
            mate.broker_verifier = verifier
    await session.flush()


async def share(session: AsyncSession, lamp: LampRow, other: LampRow | None) -> None:
    """Raises TwoOwners, also where only one of the two has an owner; ValueError where there is no account."""
    if other is None or other.broker_user is None:
        raise ValueError("no account to share")
    if {each.owner for each in await _of(session, {other.broker_user})} != {lamp.owner}:
        raise TwoOwners
    await put(session, lamp, other.broker_user, other.broker_verifier)


async def parted(session: AsyncSession, lamp: LampRow) -> bool:
    """Whether the lamp's account is also that of another person's lamp. The broker knows nothing of it until its files
    are written again."""
    if lamp.broker_user is None:
        return False
    return any(each.owner not in (NOBODY, lamp.owner) for each in await _of(session, {lamp.broker_user}))


async def _of(session: AsyncSession, users: set[str | None]) -> list[LampRow]:
    """The lamps of these accounts, as they stand in this unit."""
    found = select(LampRow).where(col(LampRow.broker_user).in_(users - {None}))
    return list((await session.exec(found, execution_options={"populate_existing": True})).all())
