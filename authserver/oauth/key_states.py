"""The signing keys as an operator sees them."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import SigningKey


def state(row: SigningKey, ring: Sequence[SigningKey], now: int) -> str:
    """`next`, `current`, `retired`, `expired` or `revoked`, from the times alone as in `keys`."""
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and row.expires_at <= now:
        return "expired"
    usable = [
        other
        for other in ring
        if other.alg == row.alg and other.revoked_at is None and (other.expires_at is None or other.expires_at > now)
    ]
    begun = [other for other in usable if other.signs_from <= now]
    signing = max(begun, key=lambda key: key.signs_from) if begun else min(usable, key=lambda key: key.signs_from)
    if row.kid == signing.kid:
        return "current"
    return "next" if row.signs_from > now else "retired"


async def listed(session: AsyncSession, now: int) -> list[dict[str, Any]]:
    """Every key that there ever was, oldest first; no private part."""
    ring = (
        await session.exec(select(SigningKey).order_by(col(SigningKey.created_at), col(SigningKey.signs_from)))
    ).all()
    return [
        {
            "kid": row.kid,
            "alg": row.alg,
            "state": state(row, ring, now),
            "created_at": row.created_at,
            "signs_from": row.signs_from,
            "expires_at": row.expires_at,
            "revoked_at": row.revoked_at,
        }
        for row in ring
    ]
