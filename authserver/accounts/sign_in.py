"""Signing in with a name and a password. Known and unknown names look the same in text, status and time.

A name is an e-mail address or a user name, as the operator allows; nothing that a stranger sees tells which two are one
person's.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attempts, lockout
from authserver.accounts.entry import Proof
from authserver.accounts.lockout import NO_PASSES, Admitted, Passes
from authserver.accounts.names import compared, is_address
from authserver.accounts.surroundings import Surroundings
from authserver.models import User
from authserver.storage.hot import Row
from authserver.storage.people_statements import FIND_SIGN_UP, FIND_USER, FIND_USER_BY_NAME
from authserver.storage.statements import model_of

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
    """The proof that this person typed the right password now. `accept` takes it while the account is as it was
    compared, and nothing else does. `admitted`: what it forgets."""

    user: User
    new_hash: str | None = field(repr=False)
    admitted: Admitted
    at: int


def canonical_name(name: str) -> str:
    """What was typed, as accounts and counts are named by it."""
    return compared(name) or name[:320]


async def sign_in(
    around: Surroundings, name: str, password: str, address: str, passes: Passes = NO_PASSES
) -> SignedIn | Unconfirmed | Refusal:
    """`name` as typed, `address` the network address, `passes` what leads this browser past the account's lock. Raises
    `Busy` before the account's attempt is counted; a network over its limit is refused before it takes a place, so that
    it keeps nobody else from signing in.

    One computation of argon2 whether the account is there or not; a second one where a sign-up waits for its code,
    which it may for known and unknown addresses alike.
    """
    canonical = canonical_name(name)
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Refusal(Reason.TOO_MANY, wait)
    with around.passwords.place() as place:
        found = await _account(around, canonical)
        admitted = await lockout.count(around, canonical, found, passes, now)
        if isinstance(admitted, int):
            return Refusal(Reason.LOCKED, admitted)
        waiting = await around.hot.read(FIND_SIGN_UP, typed=canonical, at=now)
        verified = await place.verify(password, found["password_hash"] if found and not admitted.rests else None)
        if verified.ok and found is not None and found["active"] and not _has_expired(found, now):
            return SignedIn(model_of(User, found), verified.new_hash, admitted, now)
        # It does not begin the count anew: a stranger's sign-up would buy guesses at the owner's password.
        if waiting is not None and (await place.verify(password, waiting["password_hash"])).ok:
            return Unconfirmed(waiting["sign_up_id"])
    lockout.note_failure(around, canonical, admitted, address, now)
    return Refusal(Reason.WRONG)


async def _account(around: Surroundings, canonical: str) -> Row | None:
    """Whoever may sign in with this name. Where user names alone do, an address is taken from those who have none: who
    came before the operator changed the setting is not shut out."""
    settings = around.settings
    if not is_address(canonical):
        found = await around.hot.read_key(FIND_USER_BY_NAME, canonical)
        return found if settings.username_signs_in else None
    found = await around.hot.read_key(FIND_USER, canonical)
    if found is not None and not settings.email_signs_in and found["username_canonical"] is not None:
        return None
    return found


def _has_expired(found: Row, now: int) -> bool:
    """A temporary password that was not replaced in time."""
    return found["password_expires_at"] is not None and found["password_expires_at"] <= now


async def accept(around: Surroundings, session: AsyncSession, proof: SignedIn) -> Proof | Refusal:
    """What was compared still holds, in the caller's unit of work, which has the account from now on. The count of
    failures begins anew, and a hash of an older kind is replaced.

    Comparing took its time. The first statement proves that account and password are still those that were compared,
    and locks the account until the unit of work ends: whoever changes the password or disables the account then either
    came before, and nothing is proved, or finds the session that is made of it and ends it. `Refusal` also when a
    parallel sign-in has replaced the hash: the password can be compared with the new one.
    """
    held = await session.exec(
        update(User)
        .where(
            col(User.sub) == proof.user.sub,
            col(User.password_hash) == proof.user.password_hash,
            col(User.active).is_(True),
            col(User.epoch) == proof.user.epoch,
        )
        .values(password_hash=proof.new_hash or proof.user.password_hash)
        .returning(col(User.sub))
    )
    if held.first() is None:
        return Refusal(Reason.WRONG)
    await lockout.forget(session, proof.admitted)
    return Proof(await session.get_one(User, proof.user.sub, populate_existing=True), PASSWORD, proof.at)
