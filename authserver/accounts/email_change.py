"""A new e-mail address: the old one holds, for everything, until a code that went to the new one is typed.

A new address that another account has goes the same way to the eye: the page asks for a code, but the mail tells that
account's owner, and no code completes it (contracts/security.md 6.58). The change belongs to an account, not to a
browser: it is confirmed wherever its owner is signed in, and nowhere else.

Order of locks: sign-ups and recoveries, account, session, counters, change, its code.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, administration, attempts, mailed_links, sessions, verification
from authserver.accounts.activity import Kind
from authserver.accounts.attempts import MAILS_APART
from authserver.accounts.browser import Browser
from authserver.accounts.mail import letters, outbox
from authserver.accounts.names import Email, NotAnAddressError, read_email
from authserver.accounts.sign_up import NotAnAddress, Wait
from authserver.accounts.surroundings import Surroundings
from authserver.accounts.verification import Proven, Purpose
from authserver.models import EmailChange, Session, User
from authserver.secret_values import random_token


class OwnAddress(StrEnum):
    """The account has this address already."""

    EMAIL = "email"


class OutdatedError(Exception):
    """The account, its session at this browser, or the change is no longer what it was: nothing is done."""


class SpentError(Exception):
    """The code was used, or another account has taken the address meanwhile, which looks the same: nothing is done."""


@dataclass(frozen=True)
class Person:
    """Who is signed in at this browser, as the page found them."""

    user: User
    session: Session


async def begin(
    around: Surroundings, person: Person, typed: str, address: str, *, interaction_id: str | None = None
) -> EmailChange | NotAnAddress | OwnAddress | Wait:
    """The change that waits for its code, in the place of any before it; the mails are in the outbox. `address`: the
    network's; `interaction_id`: in whose browser the mail's link is good. Raises `OutdatedError`. Does not check that
    the sign-in was fresh: `pages.visit.fresh_owner`.

    The same form sent twice is one change with one code and one mail.
    """
    try:
        name = read_email(typed, public=True)
    except NotAnAddressError:
        return NotAnAddress.EMAIL
    if name.canonical == person.user.email_canonical:
        return OwnAddress.EMAIL
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Wait(wait)
    async with around.database.unit() as session:
        await _hold(session, person)
        again = await pending(session, person.user.sub, now)
        if again is not None and again.email_canonical == name.canonical and again.created_at > now - MAILS_APART:
            if interaction_id is not None:
                await mailed_links.hand_over(session, Purpose.EMAIL_CHANGE, again.change_id, interaction_id)
            return again
        if wait := await _count(around, session, person.user, name.canonical, now, address, hurry=True):
            return Wait(wait)
        await administration.end_email_changes(session, person.user.sub)
        change = EmailChange(
            change_id=random_token(16),
            sub=person.user.sub,
            email=name.address,
            email_canonical=name.canonical,
            created_at=now,
            expires_at=now + around.settings.email_code_lifetime,
        )
        session.add(change)
        await session.flush()
        await _send(around, session, change, now, interaction_id)
        user = person.user
        asked = letters.email_change_asked_mail(around.settings, user.email, _masked(name), now, locale=user.locale)
        await outbox.post(session, asked, change.change_id)
    return change


async def resend(
    around: Surroundings, person: Person, change: EmailChange, address: str, *, interaction_id: str | None = None
) -> Wait | None:
    """A new code, and a link as in `begin`; the old ones end. None when it is in the outbox. Raises `OutdatedError`."""
    now = around.clock()
    if wait := await attempts.count_address(around.hot, around.settings, around.secret_keys, address, now):
        return Wait(wait)
    async with around.database.unit() as session:
        await _hold(session, person)
        if wait := await _count(around, session, person.user, change.email_canonical, now, address, hurry=False):
            return Wait(wait)
        held = await session.exec(
            update(EmailChange)
            .where(
                col(EmailChange.change_id) == change.change_id,
                col(EmailChange.sub) == person.user.sub,
                col(EmailChange.completed_at).is_(None),
            )
            .values(expires_at=now + around.settings.email_code_lifetime)
            .returning(col(EmailChange.change_id))
        )
        if held.first() is None:
            raise OutdatedError
        await _send(around, session, change, now, interaction_id)
    return None


async def cancel(session: AsyncSession, person: Person) -> None:
    """Nothing waits any more, and no code that was sent confirms anything. Raises `OutdatedError`."""
    await _hold(session, person)
    await administration.end_email_changes(session, person.user.sub)


async def pending(session: AsyncSession, sub: str, now: int) -> EmailChange | None:
    """The change of this account that waits for its code."""
    found = await session.exec(
        select(EmailChange)
        .where(EmailChange.sub == sub, col(EmailChange.completed_at).is_(None), EmailChange.expires_at > now)
        .order_by(col(EmailChange.created_at).desc(), col(EmailChange.change_id))
    )
    return found.first()


async def complete(
    around: Surroundings, session: AsyncSession, person: Person, change: EmailChange, proven: Proven, browser: Browser
) -> tuple[Session, str]:
    """The new address holds, confirmed, and this browser's session and the value of its cookie are new (6.47); all
    others have ended. What is linked stays: `sub` is the same. In the caller's unit of work.

    What waited for the old address ends: a code mailed before the change confirms nothing afterwards (Pocket ID,
    CVE-2026-115770). Raises `OutdatedError` and `SpentError`; the unit of work is then rolled back.
    """
    now, user = around.clock(), person.user
    if (proven.subject, proven.email) != (change.change_id, change.email_canonical):
        raise OutdatedError
    await administration.forget_sign_ups(session, change.email_canonical)
    await administration.forget_recoveries(session, user.email_canonical)
    await _hold(session, person)
    done = await session.exec(
        update(EmailChange)
        .where(
            col(EmailChange.change_id) == change.change_id,
            col(EmailChange.sub) == user.sub,
            col(EmailChange.completed_at).is_(None),
            col(EmailChange.expires_at) > now,
        )
        .values(completed_at=now)
        .returning(col(EmailChange.change_id))
        .execution_options(synchronize_session=False)
    )
    if done.first() is None:
        raise OutdatedError
    if not await verification.consume(session, proven, now):
        raise SpentError
    others = (col(Session.sub) == user.sub, col(Session.digest) != person.session.digest)
    await sessions.end_all(session, now, *others)
    new = read_email(change.email)
    told = letters.email_changed_mail(around.settings, user.email, _masked(new), now, locale=user.locale)
    await outbox.post(session, told, change.change_id)
    await activity.note(session, user.sub, Kind.EMAIL_CHANGED, now, browser, old=user.email, new=new.address)
    session_here, cookie = await sessions.create(
        around.settings,
        session,
        now,
        user,
        amr=person.session.amr,
        cookies=browser.cookies,
        user_agent=browser.user_agent,
        address=browser.address,
        signed_in_at=person.session.signed_in_at,
    )
    await sessions.succeed(around.settings, session, now, session_here, person.session.digest)
    # a code is no sign-in: what was fresh stays as fresh as it was, and ends when it would have ended
    session_here.auth_time, session_here.expires_at = person.session.auth_time, person.session.expires_at
    await session.flush()
    await _replace(session, user, change, now)
    return session_here, cookie


async def _replace(session: AsyncSession, user: User, change: EmailChange, now: int) -> None:
    """Last, after the sessions: PostgreSQL locks an account whose unique name changes against whatever refers to it,
    and who issues a code holds a session and then refers to its account. The database decides between two accounts
    that want one address."""
    try:
        await session.exec(
            update(User)
            .where(col(User.sub) == user.sub)
            .values(email=change.email, email_canonical=change.email_canonical, email_verified=True, updated_at=now)
            .execution_options(synchronize_session=False)
        )
    except IntegrityError as error:
        raise SpentError from error


async def _count(
    around: Surroundings, session: AsyncSession, user: User, canonical: str, now: int, network: str, *, hurry: bool
) -> int:
    """A mail to the new address, and a change of this account: 0, or the seconds to wait."""
    return await attempts.count_email_change(session, around.secret_keys, user.sub, now) or await attempts.count_mail(
        session, around.secret_keys, canonical, now, network=network, hurry=hurry
    )


async def _hold(session: AsyncSession, person: Person) -> None:
    """The account is as the page found it, and nobody changes it before the unit of work ends; the browser's session
    stands. Raises `OutdatedError`."""
    user = person.user
    held = await session.exec(
        update(User)
        .where(
            col(User.sub) == user.sub,
            col(User.email_canonical) == user.email_canonical,
            col(User.active).is_(True),
            col(User.epoch) == user.epoch,
        )
        .values(email=col(User.email))
        .returning(col(User.sub))
        .execution_options(synchronize_session=False)
    )
    if held.first() is None or not await sessions.hold(session, person.session):
        raise OutdatedError


async def _send(
    around: Surroundings, session: AsyncSession, change: EmailChange, now: int, interaction_id: str | None
) -> None:
    """To the new address; where another account has it, to that account's stored one, with no code that counts."""
    owner = (await session.exec(select(User).where(User.email_canonical == change.email_canonical))).first()
    issued = await verification.issue_with_link(
        around,
        session,
        now,
        Purpose.EMAIL_CHANGE,
        change.change_id,
        change.email_canonical,
        real=owner is None,
        interaction_id=interaction_id,
    )
    if owner is None:
        letter = letters.email_change_code_mail(around.settings, change.email, issued.code, now, issued.link)
    else:
        letter = letters.address_taken_mail(around.settings, owner.email, now, locale=owner.locale)
    await outbox.post(session, letter, code_id=issued.code_id)


def _masked(email: Email) -> str:
    """For the mail to the old address, which somebody else may read by now: enough to know it again."""
    local, _at, domain = email.address.rpartition("@")
    return f"{local[:1]}…@{domain}"
