"""A browser in which a person asked not to be asked for a second factor again, where the operator allows it.

It is a known device (`known_devices`: a random value in its cookie, bound to one account, void with the password) that
may do more. It skips the second factor of a password sign-in and claims nothing: `amr` stays as proved, and a step-up
still asks.
"""

from collections.abc import Mapping

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import known_devices
from authserver.models import KnownDevice, User
from authserver.secret_values import digest
from authserver.settings import Settings

DAY = 86_400  # seconds


async def skips(settings: Settings, session: AsyncSession, now: int, user: User, cookies: Mapping[str, str]) -> bool:
    """Whether this person is not asked in this browser. No longer than the present setting allows, whatever the one was
    under which it began."""
    if not settings.remember_device_days:
        return False
    device = await known_devices.of_account(settings, session, user.sub, cookies, now)
    until = device.skips_second_factor_until if device is not None else None
    return until is not None and now < until <= now + settings.remember_device_days * DAY


async def begin(settings: Settings, session: AsyncSession, now: int, user: User, value: str) -> None:
    """`value`: of the cookie that the browser has just got, this account's device first. After all was proved, in a
    unit of work that holds the account."""
    await session.exec(
        update(KnownDevice)
        .where(col(KnownDevice.digest) == digest(value.partition(".")[0]), col(KnownDevice.sub) == user.sub)
        .values(skips_second_factor_until=now + settings.remember_device_days * DAY)
        .execution_options(synchronize_session=False)
    )


async def void(session: AsyncSession, user: User) -> None:
    """Everywhere this person is asked again: a factor has ended. A new password forgets the devices altogether."""
    await session.exec(
        update(KnownDevice)
        .where(col(KnownDevice.sub) == user.sub)
        .values(skips_second_factor_until=None)
        .execution_options(synchronize_session=False)
    )
