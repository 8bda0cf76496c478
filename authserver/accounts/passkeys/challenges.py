"""What a browser is asked to sign: 32 random bytes, for one purpose in one browser, once, within five minutes."""

import hashlib
import secrets
from enum import StrEnum

from sqlmodel import col, delete, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Challenge

LIFETIME = 300  # seconds; WebAuthn §15.1 recommends five to ten minutes where the user is to be verified


class Ceremony(StrEnum):
    """What the answer is for."""

    SIGN_IN = "passkey_sign_in"  # the owner is an interaction's id
    SECOND_FACTOR = "passkey_second_factor"  # likewise
    REGISTRATION = "passkey_registration"  # the owner is a session's digest in hex


async def issue(session: AsyncSession, ceremony: Ceremony, owner: str, now: int) -> bytes:
    """A new challenge; the one before of this purpose and owner ends, so that no browser collects them."""
    await session.exec(delete(Challenge).where(col(Challenge.owner) == owner, col(Challenge.purpose) == ceremony))
    challenge = secrets.token_bytes(32)
    session.add(
        Challenge(digest=_digest(challenge), purpose=ceremony, owner=owner, expires_at=now + LIFETIME),
    )
    return challenge


async def consume(session: AsyncSession, ceremony: Ceremony, owner: str, challenge: bytes, now: int) -> bool:
    """Whether it was open for exactly this; nobody can use it again once the caller's unit of work has ended, which it
    does before anything is verified."""
    used = await session.exec(
        update(Challenge)
        .where(
            col(Challenge.digest) == _digest(challenge),
            col(Challenge.purpose) == ceremony,
            col(Challenge.owner) == owner,
            col(Challenge.expires_at) > now,
            col(Challenge.used_at).is_(None),
        )
        .values(used_at=now)
        .returning(col(Challenge.digest))
    )
    return used.first() is not None


def _digest(challenge: bytes) -> bytes:
    return hashlib.sha256(challenge).digest()
