"""Accounts that an operator makes for somebody: a temporary password by mail, and the new one that replaces it.

The temporary password is made at random, mailed to one address and shown to nobody: whoever signs in with it reads that
mail, and has confirmed the address. Before it is replaced there is no session (`accounts.entry`).
"""

from dataclasses import dataclass, field

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, administration, attempts, usernames
from authserver.accounts.activity import Kind
from authserver.accounts.administration import AccountError
from authserver.accounts.entry import Browser, FirstFactor, Proof
from authserver.accounts.mail import letters, outbox
from authserver.accounts.names import Email, Username
from authserver.accounts.password_policy import Policy, Weak, Weakness, weakness
from authserver.accounts.sign_up import Wait
from authserver.accounts.surroundings import Surroundings
from authserver.models import User
from authserver.settings import Settings


@dataclass(frozen=True)
class Temporary:
    """A password made for an invitation. `until`: Unix seconds."""

    password: str = field(repr=False)
    password_hash: str = field(repr=False)
    until: int


async def invite(
    session: AsyncSession, settings: Settings, email: Email, username: Username | None, made: Temporary, now: int
) -> User:
    """A new account and the mail to its owner. Raises `AccountError`."""
    user = await administration.add(session, email, made.password_hash, now, verified=False, username=username)
    await _send(session, settings, user, made, now)
    return user


async def invite_again(session: AsyncSession, settings: Settings, user: User, made: Temporary, now: int) -> None:
    """Another temporary password in place of the one before. Raises `AccountError` for somebody who has a password of
    their own: that would be a way to take it from them."""
    if user.password_expires_at is None:
        raise AccountError(f"{user.email} has chosen a password; there is nothing to invite to")
    if not user.active:
        raise AccountError(f"{user.email} is disabled; enable the account first")
    await administration.set_password(session, user, made.password_hash, now)
    await _send(session, settings, user, made, now)


async def _send(session: AsyncSession, settings: Settings, user: User, made: Temporary, now: int) -> None:
    user.password_expires_at, user.password_mailed_at = made.until, now
    session.add(user)
    await session.flush()
    days, username = days_until(now, made.until), usernames.shown(user) or ""
    letter = letters.invitation_mail(settings, user.email, username, made.password, days, now, locale=user.locale)
    await outbox.post(session, letter, letter.mail_id)


def days_until(now: int, until: int) -> int:
    """Whole days, at least one: what the mail says."""
    return max(1, (until - now) // 86_400)


@dataclass(frozen=True)
class Replacement:
    """The proof: whoever knows the temporary password chose one that the policy takes. `replace` alone makes use of
    it."""

    user: User
    first: FirstFactor
    password_hash: str = field(repr=False)


async def check(
    around: Surroundings, first: FirstFactor, user: User, password: str, address: str
) -> Replacement | Weak | Wait:
    """`user`: for whom `first` stands; `address`: the network's. Raises `Busy`."""
    own = (user.email, user.email_canonical, user.username_canonical or "", around.settings.name)
    weak = weakness(password, own, Policy.of(around.settings))
    if weak is not None:
        return weak
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Wait(wait)
    with around.passwords.place() as place:
        if (await place.verify(password, user.password_hash)).ok:
            return Weak((Weakness.TEMPORARY,))
        return Replacement(user, first, await place.hash(password))


async def replace(around: Surroundings, session: AsyncSession, new: Replacement, browser: Browser) -> Proof | None:
    """The new password holds; in the caller's unit of work. None when the account has changed since it was compared, or
    another browser was faster: what was proved then proves nothing any more."""
    old, now = new.user, around.clock()
    held = await session.exec(
        update(User)
        .where(
            col(User.sub) == old.sub,
            col(User.password_hash) == old.password_hash,
            col(User.password_expires_at).is_not(None),
            col(User.active).is_(True),
            col(User.epoch) == old.epoch,
        )
        .values(updated_at=now)
        .returning(col(User.sub))
    )
    if held.first() is None:
        return None
    user = await session.get_one(User, old.sub, populate_existing=True)
    by_mail = user.password_mailed_at is not None
    if by_mail and not user.email_verified:
        await administration.wipe(session, user, now)
    await administration.set_password(session, user, new.password_hash, now)
    if by_mail:
        user.password_by_mail_at = now
    letter = letters.password_changed_mail(around.settings, user.email, now, locale=user.locale)
    await outbox.post(session, letter, user.sub, now)
    await activity.note(session, user.sub, Kind.PASSWORD_CHANGED, now, browser)
    return Proof(user, new.first.amr, now, new.first.signed_in_at)
