"""The browsers in which a person is signed in, as the person sees and ends them.

A page names a session by a MAC over its digest: it leads neither to the session's id nor, without the server's key, to
the row, and is of use for nothing but to end it (contracts/security.md 6.73).
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import known_devices, remembered, sessions
from authserver.accounts.user_agents import Device, device_of
from authserver.models import Session, User
from authserver.secret_values import SecretKey, SecretKeys, same
from authserver.settings import Settings


@dataclass(frozen=True)
class SignedInDevice:
    """One session that is alive. `signed_in_at`, `last_seen_at`: Unix seconds, the latter a minute exact; `here`: it is
    the browser that asks."""

    name: str
    device: Device
    address: str
    signed_in_at: int
    last_seen_at: int
    here: bool


def _name(key: SecretKey, digest: bytes) -> str:
    return base64.urlsafe_b64encode(key.mac("device", digest.hex())[:18]).decode()


async def _alive(settings: Settings, session: AsyncSession, now: int, user: User) -> Sequence[Session]:
    """Latest use first; what `sessions.find` would find, whatever second factor is demanded now."""
    found = await session.exec(
        select(Session)
        .where(
            Session.sub == user.sub,
            Session.epoch == user.epoch,
            Session.expires_at > now,
            Session.last_seen_at > now - settings.session_idle_lifetime,
        )
        .order_by(col(Session.last_seen_at).desc(), col(Session.created_at).desc(), col(Session.digest))
    )
    return found.all()


async def signed_in(
    settings: Settings, secret_keys: SecretKeys, session: AsyncSession, now: int, user: User, here: Session
) -> list[SignedInDevice]:
    """This one first, then by their last use."""
    devices = [
        SignedInDevice(
            _name(secret_keys.current, one.digest),
            device_of(one.user_agent),
            one.address,
            one.auth_time,
            one.last_seen_at,
            one.digest == here.digest,
        )
        for one in await _alive(settings, session, now, user)
    ]
    return sorted(devices, key=lambda device: not device.here)


async def end(
    settings: Settings, secret_keys: SecretKeys, session: AsyncSession, now: int, user: User, name: str
) -> bool:
    """Ends the session of this person that has the name; False when they have none such. In the caller's unit of work,
    which has written to no session before: the account is locked first, as wherever sessions end. No browser goes on
    without a second factor: the one that is signed out may be in other hands."""
    await _lock(session, user)
    presented = name.encode()
    for one in await _alive(settings, session, now, user):
        if any(same(presented, _name(key, one.digest).encode()) for key in secret_keys.all()):
            await sessions.end_all(session, now, col(Session.digest) == one.digest, col(Session.sub) == user.sub)
            await remembered.void(session, user)
            return True
    return False


async def end_others(session: AsyncSession, now: int, user: User, here: Session) -> int:
    """Ends all sessions of this person but one; how many. No browser is known to the account any more: one of them may
    be in other hands. The unit of work as in `end`."""
    await _lock(session, user)
    await known_devices.forget(session, user.sub)
    return await sessions.end_all(session, now, col(Session.sub) == user.sub, col(Session.digest) != here.digest)


async def _lock(session: AsyncSession, user: User) -> None:
    """PostgreSQL: two browsers that end each other's session wait for each other in one order."""
    await session.exec(select(User.sub).where(User.sub == user.sub).with_for_update(key_share=True))
