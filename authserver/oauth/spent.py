"""What may be used once: the database decides who was first, on every replica (models.SpentToken)."""

from authserver.secret_values import digest
from authserver.storage.hot import HotStore
from authserver.storage.statements import SPEND

MARGIN = 300  # seconds that a row stays after its token has expired: clocks of replicas differ


def digest_of(*parts: str) -> bytes:
    """Of purpose, sender and id: no two lists of parts look the same."""
    return digest("".join(f"{len(part)}:{part}" for part in parts))


async def spend(hot: HotStore, used: bytes, expires_at: float) -> bool:
    """False: it was used before. `used`: its digest, remembered until `expires_at`, when it would no longer be taken
    anyway, and a while longer. Raises `StorageError`."""
    return await hot.execute(SPEND, digest=used, expires_at=int(expires_at) + MARGIN) is not None
