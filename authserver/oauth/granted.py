"""What people have granted, as an operator sees it: listed and ended. The rules of `authserver grant …`.

A grant is named by the `origin_jti` of its access tokens. Its other id is part of refresh tokens and is not read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import AuthorizationCode, Client, Grant, User
from authserver.oauth import consents, device_codes
from authserver.oauth.requested_claims import PLACES


@dataclass(frozen=True)
class Granted:
    """One linking. Times are Unix seconds; `state` is `live`, `revoked`, `expired`, or `ended` when the user's account
    was disabled since. An idle lifetime that has passed is not looked at: it is the client's own."""

    origin_jti: str
    sub: str
    email: str
    client_id: str
    client_name: str
    scope: str
    claims: list[str]  # asked for one by one, besides those of the scope
    state: str
    created_at: int
    last_used_at: int
    expires_at: int


async def granted(
    session: AsyncSession, now: int, *, sub: str | None = None, client_id: str | None = None, ended: bool = False
) -> Sequence[Granted]:
    """Oldest first; the live ones, with `ended` the others too."""
    query = (
        select(
            col(Grant.origin_jti), col(Grant.sub), col(User.email), col(Grant.client_id), col(Client.client_name),
            col(Grant.scope), col(Grant.claims), col(Grant.created_at), col(Grant.last_used_at), col(Grant.expires_at),
            col(Grant.revoked_at), (col(User.active) & (col(User.epoch) == col(Grant.epoch))).label("user_stands"),
        )  # type: ignore[call-overload]
        .join(User, col(User.sub) == col(Grant.sub))
        .join(Client, col(Client.client_id) == col(Grant.client_id))
        .order_by(col(Grant.created_at), col(Grant.origin_jti))
    )  # fmt: skip
    if sub is not None:
        query = query.where(col(Grant.sub) == sub)
    if client_id is not None:
        query = query.where(col(Grant.client_id) == client_id)
    found = [
        Granted(
            row.origin_jti,
            row.sub,
            row.email,
            row.client_id,
            row.client_name,
            row.scope,
            sorted({name for place in PLACES for name in row.claims.get(place, ())}),
            _state(row.revoked_at, row.expires_at, bool(row.user_stands), now),
            row.created_at,
            row.last_used_at,
            row.expires_at,
        )
        for row in (await session.exec(query)).all()
    ]
    return found if ended else [grant for grant in found if grant.state == "live"]


def _state(revoked_at: int | None, expires_at: int, user_stands: bool, now: int) -> str:
    if revoked_at is not None:
        return "revoked"
    if expires_at <= now:
        return "expired"
    return "live" if user_stands else "ended"


async def exists(session: AsyncSession, origin_jti: str) -> bool:
    return (await session.exec(select(Grant.sub).where(Grant.origin_jti == origin_jti))).first() is not None


async def revoke(
    session: AsyncSession,
    now: int,
    *,
    origin_jti: str | None = None,
    sub: str | None = None,
    client_id: str | None = None,
    but_alexa: bool = False,
) -> int:
    """Ends the grants that fit everything that is given; at least one must be. Returns how many were live. `but_alexa`
    spares those of clients with the Alexa preset, but no codes: one that was not yet exchanged links nobody's lamps,
    and whoever knew the password may have asked for it.

    Refreshes are refused from now on; access tokens already issued hold until they expire, except at userinfo. Codes
    that wait to be exchanged end first: an exchange in flight is waited for, and what it made is ended with the rest.
    Who ends a link also takes back the consent: the next linking asks again.
    """
    named = {Grant.origin_jti: origin_jti, Grant.sub: sub, Grant.client_id: client_id}
    conditions = [col(column) == value for column, value in named.items() if value is not None]
    if not conditions:
        raise ValueError("which grants?")
    alexas = select(Client.client_id).where(Client.preset == "alexa")
    if but_alexa:
        conditions.append(col(Grant.client_id).not_in(alexas))
    await _forget_consents(session, now, origin_jti, sub, client_id)
    if origin_jti is None:
        owners = {AuthorizationCode.sub: sub, AuthorizationCode.client_id: client_id}
        codes = [col(column) == value for column, value in owners.items() if value is not None]
        await session.exec(
            update(AuthorizationCode).where(*codes, col(AuthorizationCode.used_at).is_(None)).values(used_at=now)
        )
        await device_codes.end(session, now, sub=sub, client_id=client_id)
    ended = await session.exec(update(Grant).where(*conditions, col(Grant.revoked_at).is_(None)).values(revoked_at=now))
    return int(ended.rowcount)


async def _forget_consents(
    session: AsyncSession, now: int, origin_jti: str | None, sub: str | None, client_id: str | None
) -> None:
    """Those of the one link, while it lives (a link pressed again takes nothing back), or of all that is named."""
    if origin_jti is None:
        await consents.forget(session, now, sub=sub, client_id=client_id)
        return
    live = [col(Grant.origin_jti) == origin_jti, col(Grant.revoked_at).is_(None)]
    if sub is not None:
        live.append(col(Grant.sub) == sub)
    found = (await session.exec(select(Grant.sub, Grant.client_id).where(*live))).first()
    if found is not None:
        await consents.forget(session, now, sub=found[0], client_id=found[1])
