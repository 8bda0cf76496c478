"""What may be used once: the database decides who was first, on every replica (models.SpentToken)."""

from authserver.storage.hot import HotStore
from authserver.storage.statements import SPEND


async def spend(hot: HotStore, digest: bytes, expires_at: int) -> bool:
    """False: it was used before. `digest` covers purpose, sender and id; it is remembered until `expires_at`, when it
    would no longer be taken anyway."""
    return await hot.execute(SPEND, digest=digest, expires_at=expires_at) is not None
