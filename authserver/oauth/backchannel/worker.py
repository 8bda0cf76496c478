"""Sends logout notices: each claimed by one replica, sent with a token made for that moment, and again with growing
pauses until the client has answered (OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8)."""

import asyncio
import logging

from sqlmodel import col, select, update

from authserver.background import is_ending
from authserver.egress import EgressError
from authserver.models import LogoutNotice
from authserver.oauth.backchannel import logout_token
from authserver.oauth.clients import Clients, RegisteredClient
from authserver.oauth.keys import KeyRingError
from authserver.oauth.server import OAuthServer
from authserver.storage.database import Database, StorageError
from authserver.storage.statements import OLDEST_DUE_NOTICE

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between two looks
BATCH = 20  # sent at once
CLAIM = 30  # seconds that a batch is left to its worker: more than the longest of its posts takes
FIRST_PAUSE, LONGEST_PAUSE = 5, 3600  # seconds between the tries of one notice; doubling
TRIES = 32  # about a day; then it is given up
ARRIVED = (200, 204)  # §2.8, and what frameworks make of an empty answer
LATER = (408, 425, 429)  # as 5xx: worth another try


async def run(database: Database, oauth: OAuthServer, clients: Clients) -> None:
    """Ends when cancelled."""
    while not is_ending():
        try:
            if not await send_due(database, oauth, clients):
                await asyncio.sleep(POLL)
        except StorageError as error:
            log.warning("logout notices wait: %s", error)
            await asyncio.sleep(POLL)


async def send_due(database: Database, oauth: OAuthServer, clients: Clients) -> int:
    """One batch; how many were tried. Raises `StorageError`."""
    now = oauth.clock()
    due = await oauth.hot.read(OLDEST_DUE_NOTICE, at=now)
    if due is None or due["due_at"] is None:
        return 0
    claimed = await _claim(database, now)
    told = [(await clients.get(notice.client_id), notice) for notice in claimed]
    await asyncio.gather(*(_send(database, oauth, client, notice) for client, notice in told))
    return len(claimed)


async def _claim(database: Database, now: int) -> list[LogoutNotice]:
    """Pushing `due_at` ahead is the claim: the database decides which worker was first."""
    async with database.unit() as session:
        found = await session.exec(
            select(LogoutNotice.notice_id)
            .where(col(LogoutNotice.due_at) <= now)
            .order_by(col(LogoutNotice.due_at))
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        won = await session.exec(
            update(LogoutNotice)
            .where(col(LogoutNotice.notice_id).in_(list(found.all())), col(LogoutNotice.due_at) <= now)
            .values(due_at=now + CLAIM, attempts=col(LogoutNotice.attempts) + 1)
            .returning(LogoutNotice)
            .execution_options(synchronize_session=False)
        )
        return list(won.scalars().all())


async def _send(database: Database, oauth: OAuthServer, client: RegisteredClient | None, notice: LogoutNotice) -> None:
    now = oauth.clock()
    if client is None or not client.row.backchannel_logout_uri or client.row.preset == "alexa":
        return await _settle(database, notice, now, error="the client is told of nothing any more")
    try:
        token = logout_token.make(oauth.keys, oauth.issuer, client, notice, now)
        status = await oauth.egress.post_form(client.row.backchannel_logout_uri, {"logout_token": token})
    except (EgressError, KeyRingError) as error:
        return await _again(database, notice, now, str(error))
    if status in ARRIVED:
        return await _settle(database, notice, now)
    if status >= 500 or status in LATER:
        return await _again(database, notice, now, f"HTTP {status}")
    await _settle(database, notice, now, error=f"HTTP {status}")


async def _settle(database: Database, notice: LogoutNotice, now: int, *, error: str = "") -> None:
    if error:
        log.error("client %s was not told of a logout: %s", notice.client_id, error)
    await _note(database, notice, due_at=None, done_at=None if error else now, error=error)


async def _again(database: Database, notice: LogoutNotice, now: int, error: str) -> None:
    if notice.attempts >= TRIES:
        return await _settle(database, notice, now, error=f"{error}, {notice.attempts} times")
    log.warning("client %s is told of a logout again: %s", notice.client_id, error)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(notice.attempts - 1, 16))
    await _note(database, notice, due_at=now + pause, done_at=None, error=error)


async def _note(
    database: Database, notice: LogoutNotice, *, due_at: int | None, done_at: int | None, error: str
) -> None:
    """Only while the claim stands: another worker may have taken it over."""
    async with database.unit() as session:
        await session.exec(
            update(LogoutNotice)
            .where(
                col(LogoutNotice.notice_id) == notice.notice_id,
                col(LogoutNotice.due_at) == notice.due_at,
                col(LogoutNotice.attempts) == notice.attempts,
            )
            .values(due_at=due_at, done_at=done_at, error=error[:500])
        )
