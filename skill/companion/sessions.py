"""Who is signed in: a random cookie, of which the database holds the digest alone.

Of the tokens only the ID token is kept, sealed, to sign out with; the access token is not needed: what a person may do
here follows from `sub`.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import delete, update
from sqlmodel import col, select

from skill.models import CompanionSessionRow
from skill.sealing import CannotOpen, Sealing
from skill.storage.cold import Cold
from skill.storage.store import Clock

IDLE = 30 * 86_400
"""Seconds without a visit after which a session is over."""
ABSOLUTE = 180 * 86_400
"""Seconds from its beginning after which it is over in any case."""
RENEW = 86_400
"""Seconds between two notes of a visit."""
MOST = 50
"""Sessions of one person; the oldest ends."""


class Session(NamedTuple):
    """A person at a browser. `value` is the cookie's: it never goes into a page or a log. `renewed`: give the browser
    its cookie anew."""

    value: str
    digest: bytes
    owner: str
    name: str
    expires_at: int
    renewed: bool = False

    @property
    def form_token(self) -> str:
        """What only this browser's pages hold; it tells nothing of the cookie."""
        made = hmac.digest(self.value.encode(), b"companion form", "sha256")
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def has_token(self, given: str) -> bool:
        return hmac.compare_digest(self.form_token.encode(), given.encode("utf-8", "surrogatepass"))


def digest_of(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


class Sessions:
    def __init__(self, cold: Cold, keys: Sequence[bytes], clock: Clock) -> None:
        self._cold, self._clock = cold, clock
        self._sealing = Sealing(keys, "companion session")

    async def begin(self, owner: str, name: str, sid: str | None, id_token: str, former: str | None) -> Session:
        """A new session under a new cookie, whatever the browser held before; that one ends (session fixation)."""
        now = int(self._clock())
        value = secrets.token_urlsafe(32)
        digest = digest_of(value)
        sealed = self._sealing.seal(orjson.dumps({"id_token": id_token}), digest.hex())
        row = CompanionSessionRow(
            digest=digest, owner=owner, name=name[:256], sid=sid, sealed=sealed, created_at=now, expires_at=now + IDLE
        )
        async with self._cold.unit() as session:
            if former is not None:
                await session.exec(delete(CompanionSessionRow).where(_is(digest_of(former))))
            of_person = select(col(CompanionSessionRow.digest)).where(col(CompanionSessionRow.owner) == owner)
            oldest_last = of_person.order_by(col(CompanionSessionRow.created_at).desc()).offset(MOST - 1)
            for old in (await session.exec(oldest_last)).all():
                await session.exec(delete(CompanionSessionRow).where(_is(old)))
            session.add(row)
        return Session(value, digest, owner, row.name, row.expires_at)

    async def find(self, value: str | None) -> Session | None:
        """The live session of a cookie; a visit is noted once a day."""
        if not value or len(value) > 100:
            return None
        now, digest = int(self._clock()), digest_of(value)
        async with self._cold.unit(write=False) as session:
            row = await session.get(CompanionSessionRow, digest)
        if row is None or row.expires_at <= now:
            return None
        expires_at = min(now + IDLE, row.created_at + ABSOLUTE)
        renewed = expires_at - row.expires_at >= RENEW
        if renewed:
            async with self._cold.unit() as session:
                await session.exec(update(CompanionSessionRow).where(_is(digest)).values(expires_at=expires_at))
        return Session(value, digest, row.owner, row.name, max(expires_at, row.expires_at), renewed)

    async def end(self, digest: bytes) -> str | None:
        """Its ID token, to sign out with at the issuer; None where it cannot be read any more."""
        async with self._cold.unit() as session:
            row = await session.get(CompanionSessionRow, digest)
            if row is None:
                return None
            await session.delete(row)
        try:
            id_token = orjson.loads(self._sealing.open(row.sealed, digest.hex()))["id_token"]
        except (CannotOpen, ValueError, KeyError):
            return None
        return id_token if isinstance(id_token, str) else None

    async def end_of(self, owner: str | None, sid: str | None) -> list[bytes]:
        """Those that began in the issuer's session `sid`, of `owner` where it is said; without `sid` all of `owner`.
        Gives their digests."""
        assert owner or sid
        wanted = select(col(CompanionSessionRow.digest))
        if owner:
            wanted = wanted.where(col(CompanionSessionRow.owner) == owner)
        if sid:
            wanted = wanted.where(col(CompanionSessionRow.sid) == sid)
        async with self._cold.unit() as session:
            digests = list((await session.exec(wanted)).all())
            for digest in digests:
                await session.exec(delete(CompanionSessionRow).where(_is(digest)))
        return digests

    async def alive(self, digests: Sequence[bytes]) -> set[bytes]:
        """Which of these are still sessions."""
        row = CompanionSessionRow
        wanted = select(col(row.digest)).where(col(row.digest).in_(digests), col(row.expires_at) > int(self._clock()))
        async with self._cold.unit(write=False) as session:
            return set((await session.exec(wanted)).all())

    async def purge(self) -> None:
        over = col(CompanionSessionRow.expires_at) <= int(self._clock())
        async with self._cold.unit() as session:
            await session.exec(delete(CompanionSessionRow).where(over))


def _is(digest: bytes):  # type: ignore[no-untyped-def]
    return col(CompanionSessionRow.digest) == digest
