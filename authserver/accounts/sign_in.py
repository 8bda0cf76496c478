"""Signing in with e-mail address and password. Known and unknown addresses look the same in text, status and time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attempts, sessions, sign_up
from authserver.accounts.names import NotAnAddressError, read_email
from authserver.accounts.surroundings import Surroundings
from authserver.models import Session, User

PASSWORD = ["pwd"]  # `amr`, RFC 8176


class Reason(StrEnum):
    WRONG = "wrong"  # no such account, disabled, or another password
    LOCKED = "locked"  # too many failures for this account
    TOO_MANY = "too_many"  # too many attempts from this network


@dataclass(frozen=True)
class Refusal:
    reason: Reason
    wait: int = 0  # seconds


@dataclass(frozen=True)
class Unconfirmed:
    """The right password of a sign-up that still waits for its code."""

    sign_up_id: str


@dataclass(frozen=True)
class SignedIn:
    """The proof that this person typed the right password now. `open_session` turns it into a session, and nothing
    else does."""

    user: User
    new_hash: str | None = field(repr=False)
    counter: str
    at: int


async def sign_in(around: Surroundings, name: str, password: str, address: str) -> SignedIn | Unconfirmed | Refusal:
    """`name` as typed, `address` the network address. Raises `Busy` before anything is counted.

    One computation of argon2 whether the account is there or not; a second one where a sign-up waits for its code,
    which it may for known and unknown addresses alike.
    """
    try:
        canonical = read_email(name).canonical
    except NotAnAddressError:
        canonical = name[:400]
    now = around.clock()
    counter = attempts.counter(around.secret_keys, "sign-in", canonical)
    with around.passwords.place() as place:
        async with around.database.unit() as session:
            if wait := await attempts.count_address(session, around.settings, around.secret_keys, address, now):
                return Refusal(Reason.TOO_MANY, wait)
            if wait := await attempts.count_sign_in(session, around.settings, counter, now):
                return Refusal(Reason.LOCKED, wait)
            user = (await session.exec(select(User).where(User.email_canonical == canonical))).first()
            waiting = await sign_up.pending_for(session, canonical, now)
        verified = await place.verify(password, user.password_hash if user else None)
        if verified.ok and user is not None and user.active:
            return SignedIn(user, verified.new_hash, counter, now)
        # It does not begin the count anew: a stranger's sign-up would buy guesses at the owner's password.
        if waiting is not None and (await place.verify(password, waiting.password_hash)).ok:
            return Unconfirmed(waiting.sign_up_id)
    return Refusal(Reason.WRONG)


async def open_session(
    around: Surroundings,
    session: AsyncSession,
    proof: SignedIn,
    *,
    cookies: Mapping[str, str],
    user_agent: str = "",
    address: str = "",
) -> tuple[Session, str]:
    """The session and its cookie's value, in the caller's unit of work. The count of failures begins anew, and a hash
    of an older kind is replaced unless the password was changed meanwhile."""
    await attempts.forget(session, proof.counter)
    if proof.new_hash is not None:
        await session.exec(
            update(User)
            .where(col(User.sub) == proof.user.sub, col(User.password_hash) == proof.user.password_hash)
            .values(password_hash=proof.new_hash)
        )
    return await sessions.create(
        around.settings,
        session,
        proof.at,
        proof.user,
        amr=PASSWORD,
        cookies=cookies,
        user_agent=user_agent,
        address=address,
    )
