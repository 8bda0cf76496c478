"""Ten codes for whoever lost the other factor: 80 bits each, shown once, stored as digests, good for one sign-in."""

import secrets
import unicodedata
from dataclasses import dataclass

from sqlmodel import col, delete, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import RecoveryCode, User
from authserver.secret_values import digest

NAME = "recovery"
AMR = ("mfa",)  # RFC 8176 has no word for them; they are no one-time password of RFC 6238
COUNT = 10
LENGTH = 16  # characters of five bits
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_LOOKALIKES = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class RightRecoveryCode:
    sub: str
    digest: bytes

    method = NAME
    amr = AMR

    async def consume(self, session: AsyncSession, now: int) -> bool:
        used = await session.exec(
            update(RecoveryCode)
            .where(
                col(RecoveryCode.digest) == self.digest,
                col(RecoveryCode.sub) == self.sub,
                col(RecoveryCode.used_at).is_(None),
            )
            .values(used_at=now)
            .returning(col(RecoveryCode.digest))
        )
        return used.first() is not None


def _digest(user: User, code: str) -> bytes:
    return digest(f"{user.sub} {code}")


def read(typed: str) -> str | None:
    """The sixteen characters of what was typed or pasted, in small letters, with what is easily mistaken; or None."""
    text = "".join(unicodedata.normalize("NFKC", typed).upper().replace("-", "").split()).translate(_LOOKALIKES)
    return text if len(text) == LENGTH and all(character in ALPHABET for character in text) else None


async def make(session: AsyncSession, user: User, now: int) -> list[str]:
    """Ten new codes as people read them; those before end. They are nowhere afterwards: whoever asks shows them."""
    await session.exec(delete(RecoveryCode).where(col(RecoveryCode.sub) == user.sub))
    made = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(COUNT)]
    session.add_all(RecoveryCode(digest=_digest(user, code), sub=user.sub, created_at=now) for code in made)
    return ["-".join(code[at : at + 4] for at in range(0, LENGTH, 4)) for code in made]


async def left(session: AsyncSession, user: User) -> int:
    """How many can still be used."""
    found = select(func.count()).where(col(RecoveryCode.sub) == user.sub, col(RecoveryCode.used_at).is_(None))
    return (await session.exec(found)).one()


async def find(session: AsyncSession, user: User, code: str) -> RightRecoveryCode | None:
    """`code` as `read` gives it."""
    found = await session.exec(
        select(RecoveryCode.digest).where(
            RecoveryCode.digest == _digest(user, code),
            RecoveryCode.sub == user.sub,
            col(RecoveryCode.used_at).is_(None),
        )
    )
    stored = found.first()
    return None if stored is None else RightRecoveryCode(user.sub, stored)


async def end(session: AsyncSession, user: User) -> None:
    await session.exec(delete(RecoveryCode).where(col(RecoveryCode.sub) == user.sub))
