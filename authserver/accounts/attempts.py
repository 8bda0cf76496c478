"""Counters of attempts: raised and committed before anything is compared.

One statement each, so that the database decides also between replicas and parallel guesses. Whom a counter is about
stands in it as a MAC: the table tells nobody which addresses were tried.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    Dialect,
    Integer,
    Table,
    and_,
    bindparam,
    case,
    delete,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Attempt, User
from authserver.secret_values import SecretKeys
from authserver.settings import Settings
from authserver.storage.hot import HotStore, Statement

QUIET = 900  # seconds without an attempt after which an account's count begins anew
ADDRESS_WINDOW = 600  # seconds
HOUR, DAY = 3600, 86_400
UNLIMITED = 2**31 - 1
MAILS_AN_HOUR = 5  # codes sent to one address for one network, or for a device that the account knows
MAILS_APART = 30  # seconds between two
EMAIL_CHANGES_A_DAY = 10  # codes for new addresses of one account
MAILS_AN_HOUR_IN_ALL = 20  # codes sent to one address, whoever asks: a mailbox is not to be flooded
MAILS_A_DAY_IN_ALL = 100


def counter(secret_keys: SecretKeys, what: str, *whom: str) -> str:
    return f"{what}:{secret_keys.current.mac('attempts', what, *whom).hex()}"


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


ATTEMPTS = cast(Table, Attempt.__table__)  # type: ignore[attr-defined]
ZERO: ColumnElement[int] = literal_column("0")
ONE: ColumnElement[int] = literal_column("1")
DOUBLINGS: ColumnElement[int] = literal_column("20")
NAME = bindparam("name", type_=ATTEMPTS.c.name.type)
MOST = bindparam("most", type_=Integer())
AT = bindparam("at", type_=BigInteger())
ENDS = bindparam("ends", type_=BigInteger())
RESTS = bindparam("rests", type_=BigInteger())
HURRY = bindparam("hurry", type_=Boolean())
LONGEST = bindparam("longest", type_=Integer())
#: it would end an hour after whatever begins now: counted by a clock that was wrong, it must lock nobody out until then
AHEAD = ATTEMPTS.c.expires_at > ENDS + literal_column("3600")
OVER = or_(ATTEMPTS.c.expires_at <= AT, AHEAD)


def _counting(again: Mapping[str, ColumnElement[Any]], admitted: ColumnElement[bool]) -> Any:
    """One more of `name`; a row when it was counted and may go on, none when nothing was changed."""
    return (
        postgresql.insert(ATTEMPTS)  # compiled for either database: both know ON CONFLICT in these words
        .values(name=NAME, failures=ONE, since=AT, locked_until=RESTS, expires_at=ENDS)
        .on_conflict_do_update(index_elements=["name"], set_={"expires_at": ENDS, **again}, where=admitted)
        .returning(ATTEMPTS.c.failures)
    )


def _rest_after(failures: ColumnElement[int]) -> ColumnElement[int]:
    """From failure number `most` on one second, doubling up to `longest`."""
    more = failures - MOST
    doubled = ONE.bitwise_lshift(more)
    return case(
        (more < ZERO, ZERO),
        (or_(more > DOUBLINGS, doubled > LONGEST), AT + LONGEST),
        else_=AT + doubled,
    )


_FAILURES: ColumnElement[int] = case((OVER, ONE), else_=ATTEMPTS.c.failures + ONE)

#: parameters: name, at, ends, rests (after the first one), most, longest
COUNT_SIGN_IN = Statement(
    _counting(
        {"failures": _FAILURES, "locked_until": _rest_after(_FAILURES)}, or_(AHEAD, ATTEMPTS.c.locked_until <= AT)
    )
)

_COUNT_WITHIN = _counting(
    {
        "failures": _FAILURES,
        "since": case((OVER, AT), else_=ATTEMPTS.c.since),
        "expires_at": case((OVER, ENDS), else_=ATTEMPTS.c.expires_at),
        "locked_until": RESTS,
    },
    and_(or_(OVER, ATTEMPTS.c.failures < MOST), or_(AHEAD, HURRY, ATTEMPTS.c.locked_until <= AT)),
)

#: parameters: name, at, ends, rests, most, hurry
COUNT_WITHIN = Statement(_COUNT_WITHIN)

_WHEN = select(
    case((ATTEMPTS.c.failures >= MOST, ATTEMPTS.c.expires_at), else_=ATTEMPTS.c.locked_until).label("ends")
).where(ATTEMPTS.c.name == NAME)

#: when an attempt that was not counted may be made; parameters: name, most
WHEN = Statement(_WHEN)


@dataclass(frozen=True)
class Tried:
    """An attempt to sign in to an account: 0 to `wait` when it may be compared, else the seconds. `failures`: with this
    one."""

    wait: int
    failures: int


async def try_sign_in(hot: HotStore, settings: Settings, name: str, now: int) -> Tried:
    """A sign-in to this account, known or not. Committed when it returns.

    The attempt counts as failed until `forget` says otherwise. After `sign_in_attempts` failures the account rests for
    1 s, doubling up to `sign_in_lock_maximum`; what is tried meanwhile neither counts nor lengthens it, so that an
    attacker cannot lock the owner out for ever (contracts/cognito.md 3.3).
    """
    most, longest = settings.sign_in_attempts, settings.sign_in_lock_maximum
    counted = await hot.execute(
        COUNT_SIGN_IN,
        name=name,
        at=now,
        ends=now + longest + QUIET,
        rests=now + 1 if most == 1 else 0,
        most=most,
        longest=longest,
    )
    if counted is not None:
        return Tried(0, counted["failures"])
    found = await hot.read(WHEN, name=name, most=UNLIMITED)
    return Tried(max(1, (found["ends"] if found else 0) - now), 0)


def _within(name: str, now: int, most: int, window: int, apart: int = 0, hurry: bool = False) -> dict[str, Any]:
    """At most `most` in `window` seconds from the first one, and `apart` seconds between two unless `hurry`."""
    rests = now + apart if apart else 0  # not `now`: another replica's clock may be a second behind
    return {"name": name, "at": now, "ends": now + window, "rests": rests, "most": most, "hurry": hurry}


async def _count_in_unit(session: AsyncSession, asked: dict[str, Any]) -> int:
    """0 when it may go on, else the seconds to wait. Counts when the caller's unit of work commits."""
    connection = await session.connection()
    if (await connection.execute(_COUNT_WITHIN, asked)).first() is not None:
        return 0
    found = (await connection.execute(_WHEN, {"name": asked["name"], "most": asked["most"]})).scalar()
    return max(1, int(found or 0) - int(asked["at"]))


async def count_address(
    hot: HotStore, settings: Settings, secret_keys: SecretKeys, address: str, now: int, *, what: str = "address"
) -> int:
    """Any sign-in, sign-up or code from one network: 0 when it may go on, else the seconds to wait. Committed when it
    returns; the caller has no unit of work open, whose lock on SQLite would keep it waiting. `what`: another count than
    that of all these together."""
    asked = _within(counter(secret_keys, what, network_of(address)), now, settings.address_attempts, ADDRESS_WINDOW)
    if await hot.execute(COUNT_WITHIN, **asked) is not None:
        return 0
    found = await hot.read(WHEN, name=asked["name"], most=asked["most"])
    return max(1, (found["ends"] if found else 0) - now)


async def count_visit(
    session: AsyncSession, settings: Settings, secret_keys: SecretKeys, address: str, now: int, sub: str = ""
) -> int:
    """Somebody begins something that is kept for a while: 0 when it may be, else the seconds to wait. A bound on what
    one network can store, far above what people behind one address do; and on what one account can, where somebody is
    signed in."""
    name = counter(secret_keys, "visit of", sub) if sub else counter(secret_keys, "visit", network_of(address))
    return await _count_in_unit(session, _within(name, now, settings.address_visits, ADDRESS_WINDOW))


async def count_up_to(hot: HotStore, name: str, most: int, window: int, now: int) -> bool:
    """One more of at most `most` in `window` seconds: False when there were as many. Committed when it returns."""
    return await hot.execute(COUNT_WITHIN, **_within(name, now, most, window)) is not None


async def count_mail(
    session: AsyncSession,
    secret_keys: SecretKeys,
    email: str,
    now: int,
    *,
    network: str = "",
    device: bytes | None = None,
    hurry: bool = False,
) -> int:
    """A code to be sent to this canonical address, asked for from this network address: 0 when it may go, else the
    seconds to wait.

    Each network has a count of its own: what a stranger uses up is not the owner's. Over all of them there is a cap
    that spares the mailbox; many strangers could use that up too, and so a `device` that the account knows (the digest
    of a `KnownDevice`) has an allowance beside both.
    """
    if device is not None:
        name = counter(secret_keys, "mail device", email, device.hex())
        return await _count_in_unit(session, _within(name, now, MAILS_AN_HOUR, HOUR, MAILS_APART, hurry))
    name = counter(secret_keys, "mail", email, network_of(network))
    # the own count first: what it refuses uses nothing up of what all share
    if wait := await _count_in_unit(session, _within(name, now, MAILS_AN_HOUR, HOUR, MAILS_APART, hurry)):
        return wait
    for what, most, window in (("mail hour", MAILS_AN_HOUR_IN_ALL, HOUR), ("mail day", MAILS_A_DAY_IN_ALL, DAY)):
        if wait := await _count_in_unit(session, _within(counter(secret_keys, what, email), now, most, window)):
            return wait
    return 0


async def count_factor_mail(
    session: AsyncSession, secret_keys: SecretKeys, sub: str, network: str, now: int, *, hurry: bool
) -> int:
    """A code that is a second factor. It is asked for behind the password: what strangers have sent to the same address
    is counted elsewhere, and keeps nobody from their second factor (contracts/security.md 6.63)."""
    name = counter(secret_keys, "factor mail", sub, network_of(network))
    if wait := await _count_in_unit(session, _within(name, now, MAILS_AN_HOUR, HOUR, MAILS_APART, hurry)):
        return wait
    in_all = counter(secret_keys, "factor mail hour", sub)
    return await _count_in_unit(session, _within(in_all, now, MAILS_AN_HOUR_IN_ALL, HOUR))


async def count_email_change(session: AsyncSession, secret_keys: SecretKeys, sub: str, now: int) -> int:
    """A code that this account has sent to a new address: it must not be a way to write to strangers."""
    return await _count_in_unit(
        session, _within(counter(secret_keys, "email change", sub), now, EMAIL_CHANGES_A_DAY, DAY)
    )


async def count_mail_to_account(session: AsyncSession, secret_keys: SecretKeys, whom: str, now: int) -> int:
    """A code to be sent to one account, by whichever of its names it was asked for; `whom`: its `sub`, or the name that
    is nobody's. Nothing that a stranger sees may depend on it: it would tell which names are one person's."""
    return await _count_in_unit(
        session, _within(counter(secret_keys, "mail to", whom), now, MAILS_AN_HOUR_IN_ALL, HOUR)
    )


async def count_guess(
    session: AsyncSession, secret_keys: SecretKeys, purpose: str, email: str, now: int, most: int
) -> int:
    """A code of this purpose typed for this canonical address, `most` a day; each code has five tries beside it
    (contracts/security.md 6.62)."""
    return await _count_in_unit(session, _within(counter(secret_keys, f"guess {purpose}", email), now, most, DAY))


async def forget_guesses(session: AsyncSession, secret_keys: SecretKeys, purpose: str, email: str) -> None:
    """A code of this purpose was right: the count of guesses begins anew."""
    await forget(session, counter(secret_keys, f"guess {purpose}", email))


def name_counter(secret_keys: SecretKeys, canonical: str) -> str:
    """Counts sign-ins under one typed name."""
    return counter(secret_keys, "sign-in", canonical)


def account_counter(secret_keys: SecretKeys, whom: str) -> str:
    """Counts sign-ins to one account, by whichever of its names; `whom`: its `sub`, or the name that is nobody's."""
    return counter(secret_keys, "sign-in to", whom)


def sign_in_counters(secret_keys: SecretKeys, account: Mapping[str, Any]) -> tuple[str, ...]:
    """All that count sign-ins to this account (its row), by either name and by both."""
    names = [account["email_canonical"], account["username_canonical"]]
    by_name = [name_counter(secret_keys, name) for name in names if name is not None]
    return (account_counter(secret_keys, account["sub"]), *by_name)


def row_of(user: User) -> dict[str, Any]:
    """What `sign_in_counters` needs of an account."""
    return user.model_dump(include={"sub", "email_canonical", "username_canonical"})


async def forget(session: AsyncSession, *names: str) -> None:
    """The attempt was right: these counts begin anew."""
    if names:
        await session.exec(delete(Attempt).where(col(Attempt.name).in_(names)))
