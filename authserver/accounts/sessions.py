"""A browser's session: a random id in a cookie, its digest in the database."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import assurance, remembered
from authserver.models import Session, User
from authserver.oauth.backchannel import notices
from authserver.oauth.backchannel.notices import EndedSession
from authserver.secret_values import digest, new_secret
from authserver.settings import Settings

SEEN_EVERY = 60  # seconds; `last_seen_at` is no more exact than this


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds it to this host and https; on http loopback browsers refuse that prefix."""
    return "__Host-authserver_session" if settings.secure else "authserver_session"


def cookie_options(settings: Settings) -> dict[str, Any]:
    """`Lax`: `Strict` would hide it when the browser comes from the app (contracts/cognito.md row 50). It ends with the
    browser; the row says when it ends at the latest."""
    return {"path": "/", "secure": settings.secure, "httponly": True, "samesite": "lax"}


async def create(
    settings: Settings,
    session: AsyncSession,
    now: int,
    user: User,
    *,
    amr: list[str],
    cookies: Mapping[str, str],
    user_agent: str = "",
    address: str = "",
    signed_in_at: int | None = None,
) -> tuple[Session, str]:
    """A new session and the value of its cookie. `signed_in_at`: of the session that this one goes on with; without it
    somebody has just signed in. The one that the browser came with ends: a new id at every sign-in
    (contracts/security.md 6.47). Of the same person it goes on under the same name (`succeed`)."""
    value, stored = new_secret()
    browser = Session(
        digest=stored,
        sid=str(uuid4()),
        sub=user.sub,
        epoch=user.epoch,
        auth_time=now,
        signed_in_at=now if signed_in_at is None else signed_in_at,
        amr=amr,
        created_at=now,
        last_seen_at=now,
        expires_at=now + settings.session_absolute_lifetime,
        user_agent=user_agent[:400],
        address=address[:64],
    )
    session.add(browser)
    await session.flush()
    if before := cookies.get(cookie_name(settings), ""):
        await succeed(settings, session, now, browser, digest(before))
    return browser, value


async def succeed(settings: Settings, session: AsyncSession, now: int, successor: Session, before: bytes) -> None:
    """`successor` takes the place of that session (its digest). Where it was the same person's and alive, clients know
    the new one by the same name and notice nothing: somebody has signed in once more. Anybody else's ends."""
    gone = await session.exec(delete(Session).where(col(Session.digest) == before).returning(*_KEPT))
    for sub, sid, epoch, seen_at, expires_at in gone.all():
        alive = expires_at > now and seen_at > now - settings.session_idle_lifetime
        if alive and sid is not None and (sub, epoch) == (successor.sub, successor.epoch):
            successor.sid = sid
            session.add(successor)
            await session.flush()
        else:
            await notices.sessions_ended(session, now, [EndedSession(sub, sid)])


_KEPT = tuple(map(col, (Session.sub, Session.sid, Session.epoch, Session.last_seen_at, Session.expires_at)))


async def find(
    settings: Settings, session: AsyncSession, now: int, cookies: Mapping[str, str], *, note: bool = True
) -> tuple[Session, User] | tuple[None, None]:
    """Who is signed in at this browser: alive in both its lives, the user active and nothing called back since, with
    the second factor that the operator demands now.

    `note`: that it was seen. Not where the account may be written afterwards: whoever sets a password has the account
    first and then the sessions, and each would wait for the other.

    An id that is not ours is never adopted (contracts/security.md 6.73).
    """
    value = cookies.get(cookie_name(settings), "")
    if not value:
        return None, None
    found = (
        await session.exec(
            select(Session, User)
            .join(User, col(User.sub) == col(Session.sub))
            .where(
                Session.digest == digest(value),
                Session.expires_at > now,
                Session.last_seen_at > now - settings.session_idle_lifetime,
                col(User.active).is_(True),
                User.epoch == Session.epoch,
            )
        )
    ).first()
    if found is None:
        return None, None
    browser, user = found
    if not await _suffices(settings, session, now, browser, user, cookies):
        return None, None
    if note:
        await note_seen(session, now, browser)
    return browser, user


async def note_seen(session: AsyncSession, now: int, browser: Session) -> None:
    """That it was used, at most once in `SEEN_EVERY`."""
    if browser.last_seen_at <= now - SEEN_EVERY:
        await session.exec(
            update(Session)
            .where(col(Session.digest) == browser.digest, col(Session.last_seen_at) <= now - SEEN_EVERY)
            .values(last_seen_at=now)
        )


async def _suffices(
    settings: Settings, session: AsyncSession, now: int, browser: Session, user: User, cookies: Mapping[str, str]
) -> bool:
    """Where the operator demands a second factor, a session of a password alone counts only as long as its browser is
    remembered: it may be older than the demand, and its person signs in again (docs/adr/0016). An address is confirmed
    before a second factor is asked for."""
    if settings.second_factor != "required" or assurance.is_strong(browser.amr) or not user.email_verified:
        return True
    return await remembered.skips(settings, session, now, user, cookies)


async def hold(session: AsyncSession, browser: Session) -> bool:
    """Whether the session still stands; if so nobody ends it before the caller's unit of work has. What is issued on
    the strength of a session that ends meanwhile is then either refused, or there for whoever ends it to find."""
    held = await session.exec(
        update(Session)
        .where(col(Session.digest) == browser.digest)
        .values(last_seen_at=col(Session.last_seen_at))
        .returning(col(Session.digest))
    )
    return held.first() is not None


async def end(settings: Settings, session: AsyncSession, now: int, cookies: Mapping[str, str]) -> None:
    """Signing out: the row goes, whatever the browser does with its cookie."""
    value = cookies.get(cookie_name(settings), "")
    if value:
        await end_all(session, now, col(Session.digest) == digest(value))


async def end_all(session: AsyncSession, now: int, *which: Any) -> int:
    """Ends the sessions that fulfil these conditions, and what ends with them (`notices`); how many."""
    ended = await take(session, *which)
    await notices.sessions_ended(session, now, ended)
    return len(ended)


async def take(session: AsyncSession, *which: Any) -> list[EndedSession]:
    """As `end_all`, for a caller that sees to all else. The database decides who has ended a session."""
    gone = await session.exec(delete(Session).where(*which).returning(col(Session.sub), col(Session.sid)))
    return [EndedSession(*one) for one in gone.all()]
