"""The link beside the code in a mail: it opens a page with a button, and the button stands for the right code.

256 random bits, stored as a digest in the code's row, with the code's lifetime and its single use; a new code ends it.
Programs that look through mail follow links: nothing happens before the button (contracts/security.md 6.68). It works
only in the browser that holds the cookie of the interaction that asked for the mail, so that whoever begins a flow for
somebody else's address gains nothing by their pressing it. It is no guess: neither the five tries of a code nor the
guesses of a day count for it, so that no stranger who uses them up keeps the owner out.
"""

from dataclasses import dataclass

from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts.verification import Proven, Purpose
from authserver.models import VerificationCode
from authserver.secret_values import digest


@dataclass(frozen=True)
class Link:
    """A link that is alive. Whether this browser is its `owner` (an interaction's id) is not checked here.

    `confirmed`: its button was pressed, and the flow waits for what comes after.
    """

    purpose: Purpose
    owner: str
    confirmed: bool
    proven: Proven


def _alive(now: int) -> tuple[ColumnElement[bool], ...]:
    return (col(VerificationCode.used_at).is_(None), col(VerificationCode.expires_at) > now)


async def find(session: AsyncSession, secret: str, now: int) -> Link | None:
    """None when it is unknown, used, replaced by a newer one, or too old: the same for all four."""
    found = (
        await session.exec(select(VerificationCode).where(VerificationCode.link_digest == digest(secret), *_alive(now)))
    ).first()
    if found is None or found.interaction_id is None or found.email is None:
        return None
    proven = Proven(found.code_id, found.subject, found.email)
    return Link(Purpose(found.purpose), found.interaction_id, found.confirmed_at is not None, proven)


async def confirm(session: AsyncSession, link: Link, now: int) -> bool:
    """The button was pressed in the owner's browser, for a flow that goes on at another page. It may be pressed again
    while it is alive."""
    done = await session.exec(
        update(VerificationCode)
        .where(col(VerificationCode.code_id) == link.proven.code_id, *_alive(now))
        .values(confirmed_at=now)
        .returning(col(VerificationCode.code_id))
    )
    return done.first() is not None


async def confirmed(session: AsyncSession, purpose: Purpose, subject: str, owner: str, now: int) -> Proven | None:
    """What `confirm` left for this flow of this browser."""
    found = (
        await session.exec(
            select(VerificationCode).where(
                VerificationCode.purpose == purpose,
                VerificationCode.subject == subject,
                VerificationCode.interaction_id == owner,
                col(VerificationCode.confirmed_at).is_not(None),
                *_alive(now),
            )
        )
    ).first()
    return Proven(found.code_id, found.subject, found.email) if found is not None and found.email is not None else None


async def hand_over(session: AsyncSession, purpose: Purpose, subject: str, owner: str) -> None:
    """The flow goes on in another interaction, whose person proved to be the one who began it: the link of the mail
    that was sent already is now good there, and there alone."""
    await session.exec(
        update(VerificationCode)
        .where(
            col(VerificationCode.purpose) == purpose,
            col(VerificationCode.subject) == subject,
            col(VerificationCode.used_at).is_(None),
            col(VerificationCode.link_digest).is_not(None),
        )
        .values(interaction_id=owner)
    )
