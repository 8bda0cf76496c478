"""Initial access tokens (RFC 7591 §3): the operator's leave to register, so many times, with no more than they allow.

While one is usable, registration is open. Every function that changes something works in the caller's unit of work and
tells running workers (`announce`).
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlmodel import col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import InitialAccessToken
from authserver.oauth.client_rules import MOST_SCOPES, OF_LINKS, SCOPE_TOKEN
from authserver.oauth.grants import device_code
from authserver.oauth.presets import CLIENT_CREDENTIALS
from authserver.oauth.registration import RegistrationError, new_id
from authserver.secret_values import digest, new_secret
from authserver.storage.changes import announce

MOST_USES = 10_000
LIFETIME = range(60, 366 * 86_400 + 1)  # seconds
LONGEST_ABOUT = 256
MOST_HOSTS = 100
#: never token exchange: the operator names for each client whose tokens it may exchange
GRANT_TYPES = ("authorization_code", "refresh_token", CLIENT_CREDENTIALS, device_code.GRANT_TYPE)
SCOPES = ("openid", "profile", "email")  # where the operator names none
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|::1")


@dataclass(frozen=True)
class Limits:
    """The most that a client may be registered with. `redirect_hosts`: of every address that it names; (): any."""

    scopes: tuple[str, ...] = SCOPES
    grant_types: tuple[str, ...] = tuple(sorted(OF_LINKS))
    redirect_hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, kept: Any) -> "Limits":
        """From `kept`, or from the row of a token."""
        found = kept if isinstance(kept, dict) else vars(kept)
        return cls(*(tuple(found[name]) for name in ("scopes", "grant_types", "redirect_hosts")))

    def kept(self) -> dict[str, list[str]]:
        """For a row."""
        return {name: list(values) for name, values in asdict(self).items()}


def _usable(now: int) -> tuple[Any, ...]:
    return (
        col(InitialAccessToken.revoked_at).is_(None),
        col(InitialAccessToken.expires_at) > now,
        col(InitialAccessToken.uses) < col(InitialAccessToken.most_uses),
    )


def is_usable(token: InitialAccessToken, now: int) -> bool:
    return token.revoked_at is None and token.expires_at > now and token.uses < token.most_uses


def _problems(limits: Limits, uses: int, lifetime: int, about: str) -> list[str]:
    found = []
    if not 1 <= uses <= MOST_USES:
        found.append(f"a token is for 1 to {MOST_USES} clients")
    if lifetime not in LIFETIME:
        found.append(f"a token lives {LIFETIME.start} to {LIFETIME.stop - 1} seconds")
    if len(about) > LONGEST_ABOUT or not about.isprintable():
        found.append(f"what it is for is said in at most {LONGEST_ABOUT} printable characters")
    if not 0 < len(limits.scopes) <= MOST_SCOPES or not all(map(SCOPE_TOKEN.fullmatch, limits.scopes)):
        found.append(f"1 to {MOST_SCOPES} scopes are needed, each a scope token")
    if not limits.grant_types or not set(limits.grant_types) <= set(GRANT_TYPES):
        found.append(f"clients that register themselves have grant types of {', '.join(GRANT_TYPES)}")
    if len(limits.redirect_hosts) > MOST_HOSTS or not all(map(HOST.fullmatch, limits.redirect_hosts)):
        found.append("a redirect host is a name or an address in lower case, such as app.example.org")
    return found


async def issue(
    session: AsyncSession, limits: Limits, uses: int, lifetime: int, about: str, now: int
) -> tuple[str, InitialAccessToken]:
    """The token, which is told this once, and its row. `lifetime`: seconds. Raises `RegistrationError`."""
    if found := _problems(limits, uses, lifetime, about):
        raise RegistrationError("\n".join(found))
    value, stored = new_secret()
    row = InitialAccessToken(
        token_id=new_id(12),
        digest=stored,
        about=about,
        most_uses=uses,
        scopes=list(limits.scopes),
        grant_types=list(limits.grant_types),
        redirect_hosts=list(limits.redirect_hosts),
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(row)
    await session.flush()
    await announce(session)
    return value, row


async def every(session: AsyncSession) -> Sequence[InitialAccessToken]:
    """Oldest first, those that are over too, until they are purged."""
    return (
        await session.exec(
            select(InitialAccessToken).order_by(col(InitialAccessToken.created_at), col(InitialAccessToken.token_id))
        )
    ).all()


async def revoke(session: AsyncSession, token_id: str, now: int) -> InitialAccessToken | None:
    """None where there is no such token. What was registered with it stays."""
    row = await session.get(InitialAccessToken, token_id) if len(token_id) <= 32 else None
    if row is not None and row.revoked_at is None:
        row.revoked_at = now
        session.add(row)
        await announce(session)
    return row


async def find(session: AsyncSession, presented: str, now: int) -> InitialAccessToken | None:
    """None for one that is unknown or over. Nothing is counted."""
    found = await session.exec(
        select(InitialAccessToken).where(InitialAccessToken.digest == digest(presented), *_usable(now))
    )
    return found.first()


async def use(session: AsyncSession, token_id: str, now: int) -> bool:
    """Counts one client; False when the last was taken, or the token ended, meanwhile: the database decides."""
    taken = await session.exec(
        update(InitialAccessToken)
        .where(col(InitialAccessToken.token_id) == token_id, *_usable(now))
        .values(uses=col(InitialAccessToken.uses) + 1)
        .returning(col(InitialAccessToken.token_id))
        .execution_options(synchronize_session=False)
    )
    return taken.first() is not None


async def open_until(session: AsyncSession, now: int) -> int:
    """Until when registration is open as things are; 0: it is not."""
    last = await session.exec(select(func.max(InitialAccessToken.expires_at)).where(*_usable(now)))
    return last.one() or 0
