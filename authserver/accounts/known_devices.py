"""Browsers in which a person has signed in: each has a finite count of failures of its own, beside the account's.

After a full sign-in the browser gets a long-lived cookie with a random value; the row holds its digest and belongs to
one account. Strangers' failures rest the account; they do not reach this count, so that the owner gets in where they
always do (contracts/security.md 6.63). It proves nothing by itself: the password is asked for all the same.

A new value at every sign-in, so that a stolen one is worth no more than `FAILURES` guesses; void with the password.
"""

from collections.abc import Mapping
from typing import Any

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import KnownDevice
from authserver.secret_values import digest, new_secret
from authserver.settings import Settings
from authserver.storage.hot import HotStore
from authserver.storage.people_statements import COUNT_AT_DEVICE, FIND_DEVICE

LIFETIME = 400 * 86_400  # seconds since the last sign-in; browsers keep no cookie for longer
FAILURES = 10  # since the last right password; then the device is as good as any other
IN_ONE_BROWSER = 4  # people of one household who share a tablet
OF_ONE_ACCOUNT = 20  # what a program makes that signs in again and again has an end


def cookie_name(settings: Settings) -> str:
    return "__Host-authserver_device" if settings.secure else "authserver_device"


def cookie_options(settings: Settings) -> dict[str, Any]:
    return {"max_age": LIFETIME, "path": "/", "secure": settings.secure, "httponly": True, "samesite": "lax"}


def _values(settings: Settings, cookies: Mapping[str, str]) -> list[str]:
    """One for each account that signed in here, the latest first."""
    given = cookies.get(cookie_name(settings), "").split(".")
    return [value for value in given if 40 <= len(value) <= 64][:IN_ONE_BROWSER]


async def find(settings: Settings, hot: HotStore, cookies: Mapping[str, str], name: str, now: int) -> bytes | None:
    """The digest of the device that this browser is for the account of that name (canonical, as typed), if failures may
    still be counted there. What is looked up depends on the cookie alone: it tells nobody which accounts there are."""
    for value in _values(settings, cookies):
        row = await hot.read_key(FIND_DEVICE, digest(value))
        if row is None or name not in (row["email_canonical"], row["username_canonical"]):
            continue
        if row["failures"] < FAILURES and row["expires_at"] > now:
            return digest(value)
    return None


async def count(hot: HotStore, device: bytes, now: int) -> bool:
    """An attempt at this device, failed until `forget_failures` says otherwise; False when it has none left. Committed
    when it returns."""
    return await hot.execute(COUNT_AT_DEVICE, device=device, at=now, most=FAILURES) is not None


async def forget_failures(session: AsyncSession, device: bytes) -> None:
    """The attempt that was counted there was right."""
    await session.exec(
        update(KnownDevice)
        .where(col(KnownDevice.digest) == device)
        .values(failures=0)
        .execution_options(synchronize_session=False)
    )


async def remember(settings: Settings, session: AsyncSession, sub: str, cookies: Mapping[str, str], now: int) -> str:
    """This browser has just signed in to the account: the new value of its cookie. In the caller's unit of work, which
    holds the account. A value that is not ours is never adopted."""
    values = {digest(value): value for value in _values(settings, cookies)}
    found = await session.exec(
        select(KnownDevice.digest, KnownDevice.sub).where(
            col(KnownDevice.digest).in_(values), KnownDevice.expires_at > now
        )
    )
    owners = dict(found.all())
    value, stored = new_secret()
    own = [one for one in values if owners.get(one) == sub]
    others = [values[one] for one in values if one in owners and owners[one] != sub]
    if not own or not await _renew(session, own[0], stored, sub, now):
        await _prune(session, sub)
        session.add(KnownDevice(digest=stored, sub=sub, created_at=now, last_used_at=now, expires_at=now + LIFETIME))
        await session.flush()
    return ".".join([value, *others[: IN_ONE_BROWSER - 1]])


async def _renew(session: AsyncSession, old: bytes, new: bytes, sub: str, now: int) -> bool:
    """The same device under another value; what it is allowed besides (`skips_second_factor_until`) stays."""
    renewed = await session.exec(
        update(KnownDevice)
        .where(col(KnownDevice.digest) == old, col(KnownDevice.sub) == sub)
        .values(digest=new, failures=0, last_used_at=now, expires_at=now + LIFETIME)
        .returning(col(KnownDevice.sub))
        .execution_options(synchronize_session=False)
    )
    return renewed.first() is not None


async def _prune(session: AsyncSession, sub: str) -> None:
    """Room for one more."""
    newest = (
        select(KnownDevice.digest)
        .where(KnownDevice.sub == sub)
        .order_by(col(KnownDevice.last_used_at).desc(), col(KnownDevice.digest))
        .limit(OF_ONE_ACCOUNT - 1)
    )
    await session.exec(
        delete(KnownDevice)
        .where(col(KnownDevice.sub) == sub, col(KnownDevice.digest).not_in(newest))
        .execution_options(synchronize_session=False)
    )


async def of_account(
    settings: Settings, session: AsyncSession, sub: str, cookies: Mapping[str, str], now: int
) -> KnownDevice | None:
    """The row of this browser for that account."""
    digests = [digest(value) for value in _values(settings, cookies)]
    found = await session.exec(
        select(KnownDevice).where(
            col(KnownDevice.digest).in_(digests), KnownDevice.sub == sub, KnownDevice.expires_at > now
        )
    )
    return found.first()


async def forget(session: AsyncSession, sub: str) -> None:
    """Every device of the account: none of them is known any more."""
    await session.exec(
        delete(KnownDevice).where(col(KnownDevice.sub) == sub).execution_options(synchronize_session=False)
    )
