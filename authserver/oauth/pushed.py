"""Authorization requests that a client pushed (RFC 9126): stored under a reference that the browser carries, used once.

Used is what an answer has left for, a code or an error: whoever loads the page again, or comes through a mail scanner's
hands, begins anew with the same reference (contracts/security.md section 3).
"""

from typing import Any

import orjson
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import PushedRequest
from authserver.oauth import interactions
from authserver.oauth.errors import PageError
from authserver.secret_values import digest, new_secret
from authserver.settings import Settings
from authserver.storage.hot import HotStore
from authserver.storage.statements import FIND_PUSHED_REQUEST, INSERT_PUSHED_REQUEST, model_of

PREFIX = "urn:ietf:params:oauth:request_uri:"
LIFETIME = 90  # seconds in which it must be begun
NAME = "pushed_request"  # in an interaction's request: the digest, in hexadecimal digits
CREDENTIALS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


async def store(
    settings: Settings, hot: HotStore, client_id: str, parameters: dict[str, str], now: int, dpop_jkt: str | None = None
) -> str:
    """The `request_uri` of a validated request. Raises `StorageError`."""
    reference, stored = new_secret()
    kept = {name: value for name, value in parameters.items() if name not in CREDENTIALS}
    await hot.execute(
        INSERT_PUSHED_REQUEST,
        digest=stored,
        client_id=client_id,
        request=orjson.dumps(kept).decode(),
        dpop_jkt=dpop_jkt,
        created_at=now,
        expires_at=now + LIFETIME,
        kept_until=now + LIFETIME + settings.interaction_lifetime,
        used_at=None,
    )
    return PREFIX + reference


async def find(hot: HotStore, client_id: str, request_uri: str, now: int) -> PushedRequest | None:
    """One of this client's that may be begun now. Raises `StorageError`."""
    reference = request_uri.removeprefix(PREFIX)
    row = await hot.read_key(FIND_PUSHED_REQUEST, digest(reference)) if len(reference) <= 128 else None
    found = model_of(PushedRequest, row) if row else None
    if found is None or found.client_id != client_id or found.used_at is not None or found.expires_at <= now:
        return None
    return found


async def consume(session: AsyncSession, request: dict[str, Any], now: int) -> None:
    """In the unit of work in which the answer to this interaction's request leaves. Raises `PageError` for whoever
    comes second; nothing happens for a request that was not pushed."""
    if NAME not in request:
        return
    done = await session.exec(
        update(PushedRequest)
        .where(col(PushedRequest.digest) == bytes.fromhex(request[NAME]), col(PushedRequest.used_at).is_(None))
        .values(used_at=now)
        .returning(col(PushedRequest.digest))
    )
    if done.first() is None:
        raise PageError("request_uri_used", interactions.START_OVER)
