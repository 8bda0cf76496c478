"""Counters of attempts: raised, and committed by the caller's unit of work, before anything is compared.

One statement each, so that the database decides also between replicas and parallel guesses. Whom a counter is about
stands in it as a MAC: the table tells nobody which addresses were tried.
"""

import ipaddress
from typing import Any

from sqlalchemy import BigInteger, Dialect, and_, case, delete, literal, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Attempt
from authserver.secret_values import SecretKeys
from authserver.settings import Settings

QUIET = 900  # seconds without an attempt after which an account's count begins anew
ADDRESS_WINDOW = 600  # seconds
HOUR, DAY = 3600, 86_400
UNLIMITED = 2**31 - 1
MAILS_AN_HOUR = 5  # codes sent to one address
MAILS_APART = 30  # seconds between two
GUESSES_A_DAY = 20  # codes typed for one address, over all its codes


def counter(secret_keys: SecretKeys, what: str, whom: str) -> str:
    return f"{what}:{secret_keys.current.mac('attempts', what, whom).hex()}"


def network_of(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: that is what one household has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)


def insert_for(dialect: Dialect) -> Any:
    """The dialect's `insert`, which knows ON CONFLICT."""
    return postgresql.insert if dialect.name == "postgresql" else sqlite.insert


def _at(moment: int) -> ColumnElement[int]:
    return literal(moment, BigInteger)


async def _count(
    session: AsyncSession,
    name: str,
    now: int,
    first: dict[str, Any],
    again: dict[str, Any],
    admitted: ColumnElement[bool],
    most: int,
) -> int:
    """0 when the attempt was counted and may go on, else the seconds to wait; then nothing was changed. `most` is how
    many there may be until `expires_at`."""
    insert = insert_for(session.get_bind().dialect)
    statement = (
        insert(Attempt)
        .values(name=name, failures=1, since=now, **first)
        .on_conflict_do_update(index_elements=["name"], set_=again, where=admitted)
        .returning(col(Attempt.failures))
    )
    if (await (await session.connection()).execute(statement)).first() is not None:
        return 0
    ends = case((col(Attempt.failures) >= most, col(Attempt.expires_at)), else_=col(Attempt.locked_until))
    found = (await session.exec(select(ends).where(col(Attempt.name) == name))).first()
    return max(1, (found or 0) - now)


async def count_sign_in(session: AsyncSession, settings: Settings, name: str, now: int) -> int:
    """A sign-in to this account, known or not: 0 when it may be compared, else the seconds to wait.

    The attempt counts as failed until `forget` says otherwise. After `sign_in_attempts` failures the account rests for
    1 s, doubling up to `sign_in_lock_maximum`; what is tried meanwhile neither counts nor lengthens it, so that an
    attacker cannot lock the owner out for ever (contracts/cognito.md 3.3).
    """
    most, longest = settings.sign_in_attempts, settings.sign_in_lock_maximum
    failures = case((col(Attempt.expires_at) <= now, 1), else_=col(Attempt.failures) + 1)
    rests = case(
        *((failures == most + doubled, _at(now + min(2**doubled, longest))) for doubled in range(21)),
        (failures > most, _at(now + longest)),
        else_=_at(0),
    )
    expires_at = now + longest + QUIET
    return await _count(
        session,
        name,
        now,
        {"locked_until": now + 1 if most == 1 else 0, "expires_at": expires_at},
        {"failures": failures, "locked_until": rests, "expires_at": expires_at},
        col(Attempt.locked_until) <= now,
        UNLIMITED,
    )


async def count_within(
    session: AsyncSession, name: str, now: int, *, most: int, window: int, apart: int = 0, hurry: bool = False
) -> int:
    """At most `most` in `window` seconds from the first one, and `apart` seconds between two unless `hurry`: 0 when it
    may go on, else the seconds to wait."""
    rests_until = now + apart if apart else 0  # not `now`: another replica's clock may be a second behind
    over = col(Attempt.expires_at) <= now
    admitted = or_(over, col(Attempt.failures) < most)
    if not hurry:
        admitted = and_(admitted, col(Attempt.locked_until) <= now)
    return await _count(
        session,
        name,
        now,
        {"locked_until": rests_until, "expires_at": now + window},
        {
            "failures": case((over, 1), else_=col(Attempt.failures) + 1),
            "since": case((over, _at(now)), else_=col(Attempt.since)),
            "expires_at": case((over, _at(now + window)), else_=col(Attempt.expires_at)),
            "locked_until": rests_until,
        },
        admitted,
        most,
    )


async def count_address(
    session: AsyncSession, settings: Settings, secret_keys: SecretKeys, address: str, now: int
) -> int:
    """Any sign-in, sign-up or code from one network."""
    name = counter(secret_keys, "address", network_of(address))
    return await count_within(session, name, now, most=settings.address_attempts, window=ADDRESS_WINDOW)


async def count_mail(
    session: AsyncSession, secret_keys: SecretKeys, email: str, now: int, *, hurry: bool = False
) -> int:
    """A code to be sent to this canonical address."""
    name = counter(secret_keys, "mail", email)
    return await count_within(session, name, now, most=MAILS_AN_HOUR, window=HOUR, apart=MAILS_APART, hurry=hurry)


async def count_guess(session: AsyncSession, secret_keys: SecretKeys, email: str, now: int) -> int:
    """A code typed for this canonical address; each code has five tries beside it (contracts/security.md 6.62)."""
    return await count_within(session, counter(secret_keys, "guess", email), now, most=GUESSES_A_DAY, window=DAY)


async def forget(session: AsyncSession, name: str) -> None:
    """The attempt was right: the count begins anew."""
    await session.exec(delete(Attempt).where(col(Attempt.name) == name))
