"""Second factors come and go: with each a note for the owner and a mail, and with the first one the recovery codes."""

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import remembered, second_factor
from authserver.accounts.activity import Kind, note
from authserver.accounts.browser import Browser
from authserver.accounts.mail import letters, outbox
from authserver.accounts.second_factor import FACTORS, recovery_codes
from authserver.accounts.surroundings import Surroundings
from authserver.models import User
from authserver.settings import Settings


class NeededError(Exception):
    """It is the last one, and the operator demands one."""


async def added(around: Surroundings, session: AsyncSession, user: User, name: str, browser: Browser) -> list[str]:
    """A factor was just set up, in this unit of work, by somebody who has proved all that was demanded before. The
    recovery codes to be shown, once, if there were none; else nothing."""
    now = around.clock()
    await session.exec(update(User).where(col(User.sub) == user.sub).values(password_by_mail_at=None))
    await note(session, user.sub, Kind.SECOND_FACTOR_ADDED, now, browser, factor=name)
    await _tell(around.settings, session, user, "added", [name], now)
    if await recovery_codes.left(session, user):
        return []
    await note(session, user.sub, Kind.RECOVERY_CODES_MADE, now, browser)
    return await recovery_codes.make(session, user, now)


async def remove(around: Surroundings, session: AsyncSession, user: User, name: str, browser: Browser) -> bool:
    """Whether it was there. With the last one the recovery codes go. Raises `NeededError`."""
    factor = FACTORS.get(name)
    if factor is None:
        return False
    now = around.clock()
    set_up = (await second_factor.held(around.settings, session, user)).set_up
    if set_up == (name,) and around.settings.second_factor == "required":
        raise NeededError
    if not await factor.end(session, user):
        return False
    others = [await other.since(session, user) for other in FACTORS.values() if other is not factor]
    if not any(others):
        await recovery_codes.end(session, user)
    await remembered.void(session, user)
    await note(session, user.sub, Kind.SECOND_FACTOR_REMOVED, now, browser, factor=name)
    await _tell(around.settings, session, user, "removed", [name], now)
    return True


async def new_recovery_codes(around: Surroundings, session: AsyncSession, user: User, browser: Browser) -> list[str]:
    """Ten, to be shown once; those before end. None for who has no factor to be lost."""
    if not (await second_factor.held(around.settings, session, user)).set_up:
        return []
    now = around.clock()
    await note(session, user.sub, Kind.RECOVERY_CODES_MADE, now, browser)
    await _tell(around.settings, session, user, "recovery codes", [], now)
    return await recovery_codes.make(session, user, now)


async def reset(settings: Settings, session: AsyncSession, user: User, now: int) -> list[str]:
    """The operator's way out for somebody who lost everything: all factors end, and the password alone signs in, or, if
    one is required, leads through setting one up. Which there were."""
    ended = await second_factor.wipe(session, user)
    await remembered.void(session, user)
    await session.exec(update(User).where(col(User.sub) == user.sub).values(password_by_mail_at=None))
    for name in ended:
        await note(session, user.sub, Kind.SECOND_FACTOR_REMOVED, now, None, factor=name)
    if ended:
        await _tell(settings, session, user, "reset", ended, now)
    return ended


async def _tell(
    settings: Settings, session: AsyncSession, user: User, change: str, factors: list[str], now: int
) -> None:
    letter = letters.second_factor_changed_mail(settings, user.email, change, factors, now, locale=user.locale)
    await outbox.post(session, letter, user.sub, change, *factors, now)
