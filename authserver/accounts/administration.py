"""What an operator does to accounts, whoever asks for it: the rules of `authserver user …`.

Every function works in the caller's unit of work. What was issued to a person ends by raising the user's epoch: codes,
grants and sessions carry the epoch of their birth, so that no exchange in flight can outrun it (design, decision 6).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, func, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import known_devices, sessions, usernames
from authserver.accounts.names import Email, NotAnAddressError, NotAUsernameError, Username, read_email, read_username
from authserver.models import (
    AuthorizationCode,
    Consent,
    DeviceCode,
    EmailChange,
    Grant,
    Interaction,
    KnownDevice,
    Mail,
    Passkey,
    Recovery,
    RecoveryCode,
    Session,
    SignUp,
    Totp,
    User,
    VerificationCode,
)
from authserver.oauth import granted
from authserver.oauth.backchannel import notices


class Status(StrEnum):
    """What an operator wants to know of an account first."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"  # a code to the address is asked for at the next sign-in
    INVITED = "invited"  # has a temporary password (in Cognito: FORCE_CHANGE_PASSWORD)
    INVITATION_EXPIRED = "invitation_expired"
    DISABLED = "disabled"


def status(user: User, now: int) -> Status:
    if not user.active:
        return Status.DISABLED
    if user.password_expires_at is not None:
        return Status.INVITED if user.password_expires_at > now else Status.INVITATION_EXPIRED
    return Status.CONFIRMED if user.email_verified else Status.UNCONFIRMED


class AccountError(Exception):
    """The operator's wish cannot be fulfilled; the text says why."""


@dataclass(frozen=True)
class Holdings:
    """How much an account has at this moment."""

    sessions: int
    grants: int


@dataclass(frozen=True)
class Ended:
    """How much came to an end."""

    sessions: int
    grants: int


async def find(session: AsyncSession, name: str) -> User | None:
    """The account with this e-mail address, `sub` or user name."""
    names = [col(User.sub) == name, col(User.username) == name]
    with suppress(NotAnAddressError):
        names.append(col(User.email_canonical) == read_email(name).canonical)
    with suppress(NotAUsernameError):
        names.append(col(User.username_canonical) == read_username(name).canonical)
    found = (await session.exec(select(User).where(or_(*names)))).all()
    if len(found) > 1:
        raise AccountError(f"{name} names several accounts; give the sub")
    return found[0] if found else None


async def every(session: AsyncSession) -> Sequence[User]:
    """All accounts, oldest first."""
    return (await session.exec(select(User).order_by(col(User.created_at), col(User.sub)))).all()


async def holdings(session: AsyncSession, user: User, now: int) -> Holdings:
    """Sessions and grants that are not ended. Idle lifetimes are not looked at: they are each client's own."""
    sessions = select(func.count()).where(
        col(Session.sub) == user.sub, col(Session.epoch) == user.epoch, col(Session.expires_at) > now
    )
    grants = select(func.count()).where(
        col(Grant.sub) == user.sub,
        col(Grant.epoch) == user.epoch,
        col(Grant.expires_at) > now,
        col(Grant.revoked_at).is_(None),
    )
    return Holdings((await session.exec(sessions)).one(), (await session.exec(grants)).one())


async def add(
    session: AsyncSession,
    email: Email,
    password_hash: str,
    now: int,
    *,
    verified: bool,
    username: Username | None = None,
) -> User:
    """A new account; its `username` claim is `sub` unless a user name is given, as in Cognito. Raises `AccountError`.

    `password_hash` is of a password that has passed the policy: it is not checked here.
    """
    if username is not None and await usernames.is_taken(session, username):
        raise AccountError("there is an account with this user name already")
    sub = str(uuid4())
    user = User(
        sub=sub,
        username=username.canonical if username else sub,
        username_canonical=username.canonical if username else None,
        attributes={"preferred_username": username.name} if username else {},
        email=email.address,
        email_canonical=email.canonical,
        email_verified=verified,
        password_hash=password_hash,
        created_at=now,
        updated_at=now,
    )
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise AccountError(
            f"there is an account with this e-mail address{' or user name' if username else ''} already"
        ) from error
    await forget_sign_ups(session, email.canonical)
    return user


async def disable(session: AsyncSession, user: User, now: int) -> None:
    """Nobody signs in; sessions and all that was issued end for good: `enable` brings none of it back."""
    await session.exec(
        update(User).where(col(User.sub) == user.sub).values(active=False, epoch=col(User.epoch) + 1, updated_at=now)
    )
    await end_email_changes(session, user.sub)
    await _sign_out_everywhere(session, user, now)
    await session.refresh(user)


async def enable(session: AsyncSession, user: User, now: int) -> None:
    """The person may sign in, and link, again."""
    user.active = True
    user.updated_at = now
    session.add(user)


async def wipe(session: AsyncSession, user: User, now: int) -> None:
    """The owner of an address that was never confirmed has just proved to read its mail. Somebody else may have made
    the account: nothing that was made before lives on, Alexa's links included (contracts/security.md 6.67). The caller
    holds the account, and sets a password that the owner chose, in the same unit of work.
    """
    user.email_verified = True
    user.epoch += 1
    user.email_code_factor_since = None
    user.password_expires_at = None
    user.updated_at = now
    session.add(user)
    await session.flush()
    await _sign_out_everywhere(session, user, now)
    changes = select(EmailChange.change_id).where(col(EmailChange.sub) == user.sub)
    await session.exec(
        delete(VerificationCode).where(
            or_(col(VerificationCode.subject) == user.sub, col(VerificationCode.subject).in_(changes))
        )
    )
    made: tuple[Any, ...] = (EmailChange, Passkey, Totp, RecoveryCode, Consent, KnownDevice)
    for table in made:
        await session.exec(delete(table).where(col(table.sub) == user.sub))
    await granted.revoke(session, now, sub=user.sub)


async def set_password(
    session: AsyncSession, user: User, password_hash: str, now: int, *, temporary_until: int | None = None
) -> Ended:
    """`temporary_until`: it must be replaced at the first sign-in, and opens nothing after that moment.

    Ends the browser sessions and what was granted to applications (contracts/security.md 6.32), but not to Alexa: a
    new password unlinks nobody's lamps (design, decision 6). Tells how many ended. No device is known any more, and a
    new address that waits for its code waits no longer: whoever knew the old password may have asked for it.

    The account is written, and so locked, before its sessions are looked for: a sign-in in flight has its session by
    then, or finds another password (`sign_in.open_session`).
    """
    user.password_hash = password_hash
    user.password_by_mail_at = None
    user.password_expires_at = temporary_until
    user.password_mailed_at = None
    user.updated_at = now
    session.add(user)
    await session.flush()
    await end_email_changes(session, user.sub)
    ended = await _sign_out_everywhere(session, user, now)
    await known_devices.forget(session, user.sub)
    return Ended(ended, await granted.revoke(session, now, sub=user.sub, but_alexa=True))


async def end_sessions(session: AsyncSession, user: User, now: int) -> int:
    """How many. What is linked stays."""
    return await sessions.end_all(session, now, col(Session.sub) == user.sub)


async def _sign_out_everywhere(session: AsyncSession, user: User, now: int) -> int:
    """As `end_sessions`; applications that can be told to are to forget that the person ever signed in."""
    ended = await sessions.take(session, col(Session.sub) == user.sub)
    await notices.account_ended(session, now, user.sub, ended)
    return len(ended)


async def end_email_changes(session: AsyncSession, sub: str) -> None:
    """No new address waits any more, and no code that was sent to one confirms it. The caller holds the account."""
    waiting = select(EmailChange.change_id).where(col(EmailChange.sub) == sub)
    await session.exec(delete(VerificationCode).where(col(VerificationCode.subject).in_(waiting)))
    await session.exec(delete(EmailChange).where(col(EmailChange.sub) == sub))


async def remove(session: AsyncSession, user: User, now: int) -> None:
    """The account and all that refers to it (by foreign keys), its waiting sign-ups, recoveries and codes, its mail.

    Sign-ups and recoveries first, as whoever completes one takes them before the account. Then the account is held, as
    by `set_password`, with a lock that an exchange in flight passes. Authorization codes go before the account: the
    exchange holds its code and then needs the account. Interactions before sessions, as whoever agrees takes them.

    A linking that is under way goes on without it: another account signs in there.
    """
    await forget_sign_ups(session, user.email_canonical)
    await forget_recoveries(session, user.email_canonical)
    await session.exec(select(User.sub).where(User.sub == user.sub).with_for_update(key_share=True))
    await session.exec(
        update(Interaction)
        .where(col(Interaction.sub) == user.sub, col(Interaction.client_id).is_not(None))
        .values(sub=None, session_digest=None, consented=False)
        .execution_options(synchronize_session=False)
    )
    await _sign_out_everywhere(session, user, now)
    await session.exec(delete(AuthorizationCode).where(col(AuthorizationCode.sub) == user.sub))
    await session.exec(delete(DeviceCode).where(col(DeviceCode.sub) == user.sub))
    await session.exec(delete(VerificationCode).where(col(VerificationCode.subject) == user.sub))
    await end_email_changes(session, user.sub)
    await session.exec(delete(Mail).where(func.lower(col(Mail.recipient)) == user.email.lower()))
    await session.exec(delete(User).where(col(User.sub) == user.sub))


async def forget_sign_ups(session: AsyncSession, email_canonical: str) -> None:
    waiting = select(SignUp.sign_up_id).where(col(SignUp.email_canonical) == email_canonical)
    await session.exec(delete(VerificationCode).where(col(VerificationCode.subject).in_(waiting)))
    await session.exec(delete(SignUp).where(col(SignUp.email_canonical) == email_canonical))


async def hold_recoveries(session: AsyncSession, email_canonical: str) -> Sequence[str]:
    """All recoveries of this address, by their ids; on PostgreSQL nobody changes them before the unit of work ends.
    Whoever needs more than one takes them by this, before anything else: two wait for each other in one order."""
    held = select(Recovery.recovery_id).where(Recovery.email_canonical == email_canonical)
    return (await session.exec(held.order_by(col(Recovery.recovery_id)).with_for_update())).all()


async def forget_recoveries(session: AsyncSession, email_canonical: str) -> None:
    """What waits for this address, recoveries before their codes as `recovery.complete` takes them."""
    await hold_recoveries(session, email_canonical)
    ended = await session.exec(
        delete(Recovery).where(col(Recovery.email_canonical) == email_canonical).returning(col(Recovery.recovery_id))
    )
    waiting = [recovery_id for (recovery_id,) in ended.all()]
    await session.exec(delete(VerificationCode).where(col(VerificationCode.subject).in_(waiting)))
