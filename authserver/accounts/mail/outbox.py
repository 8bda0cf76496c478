"""The outbox: what puts mails in, and what the operator does with them. `worker` sends what is in it."""

from collections.abc import Sequence
from enum import StrEnum

import orjson
from sqlmodel import col, delete, func, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import attempts
from authserver.models import Mail

SENT_KEPT = 86_400  # seconds
GIVEN_UP_KEPT = 7 * 86_400


async def post(session: AsyncSession, mail: Mail, *about: str | int, code_id: str | None = None) -> bool:
    """One mail of its kind about this and no more, however often it is asked for: False when there is one already. In
    the unit of work of what it tells of. `code_id`: the code in it, which it is about; once that is good for nothing
    it is not sent any more."""
    mail.code_id = code_id
    for_action(mail, *about, *([code_id] if code_id else []))
    insert = attempts.insert_for(session.get_bind().dialect)(Mail).values(**mail.model_dump())
    written = insert.on_conflict_do_nothing(index_elements=["action"]).returning(col(Mail.mail_id))
    return (await (await session.connection()).execute(written)).first() is not None


def for_action(mail: Mail, *about: str | int) -> Mail:
    """The same mail; no second one is written that is of its kind and about the same."""
    mail.action = ":".join((mail.kind, *map(str, about)))
    return mail


def put_away(mail: Mail) -> Mail:
    """As if it had been sent: nobody gets it, and no clock tells (contracts/security.md 6.58)."""
    mail.recipient, mail.details = "", {}
    mail.due_at, mail.sent_at, mail.kept_until = None, mail.created_at, mail.created_at + SENT_KEPT
    return mail


def hot_row(mail: Mail) -> dict[str, object]:
    """For `statements.INSERT_MAIL`: the raw drivers take JSON as text."""
    return mail.model_dump() | {"details": orjson.dumps(mail.details).decode()}


class State(StrEnum):
    """What has become of a mail."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given up"


def state_of(mail: Mail) -> State:
    if mail.due_at is not None:
        return State.WAITING
    return State.SENT if mail.sent_at is not None else State.GIVEN_UP


async def unsent(session: AsyncSession, most: int) -> Sequence[Mail]:
    """What waits or was given up, oldest first."""
    found = await session.exec(
        select(Mail)
        .where(or_(col(Mail.due_at).is_not(None), col(Mail.sent_at).is_(None)))
        .order_by(col(Mail.created_at), col(Mail.mail_id))
        .limit(most)
    )
    return found.all()


async def sent(session: AsyncSession, most: int) -> Sequence[Mail]:
    """Latest first."""
    found = await session.exec(
        select(Mail)
        .where(col(Mail.sent_at).is_not(None), Mail.recipient != "")
        .order_by(col(Mail.sent_at).desc(), col(Mail.mail_id))
        .limit(most)
    )
    return found.all()


async def count_waiting(session: AsyncSession) -> int:
    return (await session.exec(select(func.count()).where(col(Mail.due_at).is_not(None)))).one()


async def retry(session: AsyncSession, now: int, mail_id: str | None = None) -> list[str]:
    """At once and with all tries anew, this one or (None) all that were given up; which. What was sent stays sent."""
    which = col(Mail.due_at).is_(None) if mail_id is None else col(Mail.mail_id) == mail_id
    done = await session.exec(
        update(Mail)
        .where(which, col(Mail.sent_at).is_(None))
        .values(due_at=now, attempts=0, kept_until=None, error="")
        .returning(col(Mail.mail_id))
    )
    return [row[0] for row in done.all()]


async def drop(session: AsyncSession, mail_id: str) -> bool:
    """It is never sent. False when it was, or there is none."""
    done = await session.exec(
        delete(Mail).where(col(Mail.mail_id) == mail_id, col(Mail.sent_at).is_(None)).returning(col(Mail.mail_id))
    )
    return done.first() is not None
