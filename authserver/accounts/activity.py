"""What happened to an account, written with the change itself, for its owner to see."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.browser import Browser
from authserver.models import Activity
from authserver.secret_values import random_token

KEPT = 90 * 86_400  # seconds
JUST_NOW = 300  # seconds


class Kind(StrEnum):
    """What can happen."""

    SIGNED_UP = "signed_up"
    SIGNED_IN = "signed_in"  # details: `amr`
    SIGNED_OUT_DEVICES = "signed_out_devices"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    PASSWORD_RESET = "password_reset"  # noqa: S105
    USERNAME_CHANGED = "username_changed"  # details: `new`
    EMAIL_CHANGED = "email_changed"  # details: `old`, `new`
    SECOND_FACTOR_ADDED = "second_factor_added"  # details: `factor`
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    PASSKEY_ADDED = "passkey_added"  # details: `name`
    PASSKEY_REMOVED = "passkey_removed"
    PASSKEY_REFUSED = "passkey_refused"  # its counter went back: it may have been copied
    LINKED = "linked"  # details: `application`
    UNLINKED = "unlinked"
    LOCKED = "locked"  # sign-in was delayed after failures
    SECOND_FACTOR_LOCKED = "second_factor_locked"  # likewise the second step


async def note(session: AsyncSession, sub: str, kind: Kind, now: int, browser: Browser | None, **details: Any) -> None:
    """In the unit of work of the change. `browser`: where it was done; None where the operator did it. `details` hold
    no secret: the owner sees them."""
    session.add(
        Activity(
            activity_id=random_token(16),
            sub=sub,
            kind=kind,
            at=now,
            address=browser.address[:64] if browser else "",
            user_agent=browser.user_agent[:400] if browser else "",
            details=details,
        )
    )


async def recent(session: AsyncSession, sub: str, most: int, *, after: str = "") -> Sequence[Activity]:
    """Newest first. `after`: the id of an event of this person, with which the page before ended; any other begins at
    the newest."""
    query = select(Activity).where(Activity.sub == sub).order_by(col(Activity.at).desc(), col(Activity.activity_id))
    last = await session.get(Activity, after) if 0 < len(after) <= 32 and after.isprintable() else None
    if last is not None and last.sub == sub:
        query = query.where(
            or_(
                col(Activity.at) < last.at,
                and_(col(Activity.at) == last.at, col(Activity.activity_id) > last.activity_id),
            )
        )
    return (await session.exec(query.limit(most))).all()


async def just_happened(session: AsyncSession, sub: str, kind: Kind, now: int) -> bool:
    """For a page that says that something was done: whoever makes somebody open a link can make it say nothing that is
    not so."""
    found = await session.exec(
        select(Activity.activity_id)
        .where(Activity.sub == sub, Activity.kind == kind, col(Activity.at) > now - JUST_NOW)
        .limit(1)
    )
    return found.first() is not None
