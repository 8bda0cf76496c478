"""What ends with a browser's session: refresh tokens of clients for whom it does, and what clients hold of it.

In the unit of work that ends the session, so that a notice is neither lost nor told of a session that lives. The lock
order is that of all (docs/adr/0026): the session before the grants.
"""

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any, NamedTuple

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import AuthorizationCode, Client, Grant, LogoutNotice
from authserver.secret_values import random_token


class EndedSession(NamedTuple):
    """Of whom, and what clients know it by; None for one from before sessions had such names."""

    sub: str
    sid: str | None


async def sessions_ended(session: AsyncSession, now: int, ended: Iterable[EndedSession]) -> None:
    """Each client that took part in one of them is told of it. A client has taken part that was given a code, whether
    it exchanged it or not."""
    for sub, theirs in groupby(sorted(one for one in ended if one.sid is not None), key=lambda one: one.sub):
        sids = {one.sid for one in theirs}
        await session.exec(
            update(Grant)
            .where(
                col(Grant.sub) == sub,
                col(Grant.sid).in_(sids),
                col(Grant.revoked_at).is_(None),
                col(Grant.client_id).in_(select(Client.client_id).where(col(Client.refresh_with_session).is_(True))),
            )
            .values(revoked_at=now)
            .execution_options(synchronize_session=False)
        )
        found = await _taken_part(session, sub)
        await _tell(session, now, sub, {(client_id, sid) for client_id, sid, _ in found if sid in sids})


async def account_ended(session: AsyncSession, now: int, sub: str, ended: Collection[EndedSession]) -> None:
    """All that the person has anywhere ends, also where this server's session is long over: each client is told of the
    person, those that know sessions alone of each of these."""
    sids = {one.sid for one in ended}
    told: set[tuple[str, str | None]] = set()
    for client_id, sid, by_session in await _taken_part(session, sub):
        if not by_session:
            told.add((client_id, None))
        elif sid is not None and sid in sids:
            told.add((client_id, sid))
    await _tell(session, now, sub, told)


async def _taken_part(session: AsyncSession, sub: str) -> list[tuple[str, str | None, bool]]:
    """Clients that have something of this person, with the session in which they got it, each pair once, and whether
    they need the session's name. Alexa has no such address, whatever its row says: nothing of ours unlinks."""
    found: set[tuple[str, str | None, bool]] = set()
    tables: tuple[Any, ...] = (Grant, AuthorizationCode)
    for table in tables:
        rows = await session.exec(
            select(table.client_id, table.sid, Client.backchannel_logout_session_required)
            .join(Client, col(Client.client_id) == col(table.client_id))
            .where(
                table.sub == sub,
                col(Client.backchannel_logout_uri).is_not(None),
                col(Client.active).is_(True),
                Client.preset != "alexa",
            )
            .distinct()
        )
        found |= {(client_id, sid, bool(by_session)) for client_id, sid, by_session in rows.all()}
    return sorted(found, key=str)


async def _tell(session: AsyncSession, now: int, sub: str, whom: set[tuple[str, str | None]]) -> None:
    """Clients and sessions (None: all of the person's), each once, however many rules of one action end them."""
    if not whom:
        return
    known = await session.exec(
        select(LogoutNotice.client_id, LogoutNotice.sid).where(
            LogoutNotice.sub == sub, LogoutNotice.created_at == now, col(LogoutNotice.due_at).is_not(None)
        )
    )
    for client_id, sid in sorted(whom - {(client_id, sid) for client_id, sid in known.all()}, key=str):
        session.add(
            LogoutNotice(notice_id=random_token(16), client_id=client_id, sub=sub, sid=sid, created_at=now, due_at=now)
        )
