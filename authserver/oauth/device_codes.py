"""A device that waits (RFC 8628): found by its user code, approved or denied once, by one conditional UPDATE.

The pages are an interaction like any other: it begins with a code to be typed (`USER_CODE`) and ends with a decision in
the place of a redirect. docs/adr/0034 tells the rest.
"""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import DeviceCode, Interaction, Session, User
from authserver.oauth import user_codes
from authserver.secret_values import SecretKeys

#: in an interaction's request: the device's code as its digest in hex; '' while it is still to be typed
DEVICE = "device"
APPROVED, DENIED = "approved", "denied"
#: the path of the page on which it ends, below the issuer
END = "device/done"


@dataclass(frozen=True)
class Waiting:
    """A device that nobody has decided about. `request`: as its interaction keeps it; `asked_at`: Unix seconds;
    `address`: the network address that it asked from, '' where a server asked for it."""

    client_id: str
    request: dict[str, Any]


async def waiting(session: AsyncSession, keys: SecretKeys, now: int, letters: str) -> Waiting | None:
    """The caller has counted the guess."""
    found = (
        await session.exec(
            select(DeviceCode).where(
                col(DeviceCode.user_code_digest).in_(user_codes.digests(keys, letters)),
                DeviceCode.decision == "",
                DeviceCode.expires_at > now,
            )
        )
    ).first()
    if found is None:
        return None
    asked = {name: found.request[name] for name in ("acr_values", "address") if found.request.get(name)}
    # never from memory, never unasked: the person must see who asks, whoever has sent them here (RFC 8628 §5.4)
    request = {**asked, "scope": found.scope, "prompt": "consent", DEVICE: found.digest.hex()}
    return Waiting(found.client_id, request | {"asked_at": found.created_at})


async def approve(
    session: AsyncSession, interaction: Interaction, browser: Session, user: User, acr: str | None, now: int
) -> bool:
    """False: somebody has decided already, or it is too late. The caller holds the session and the consent."""
    return await _decide(
        session,
        interaction,
        now,
        decision=APPROVED,
        sub=user.sub,
        epoch=user.epoch,
        auth_time=browser.auth_time,
        amr=list(browser.amr),
        acr=acr,
        sid=browser.sid,
    )


async def deny(session: AsyncSession, interaction: Interaction, now: int) -> bool:
    """As `approve`."""
    return await _decide(session, interaction, now, decision=DENIED)


async def _decide(session: AsyncSession, interaction: Interaction, now: int, **values: Any) -> bool:
    done = await session.exec(
        update(DeviceCode)
        .where(
            col(DeviceCode.digest) == bytes.fromhex(str(interaction.request[DEVICE])),
            col(DeviceCode.client_id) == interaction.client_id,
            col(DeviceCode.decision) == "",
            col(DeviceCode.expires_at) > now,
        )
        .values(decided_at=now, **values)
        .returning(col(DeviceCode.digest))
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None


async def end(session: AsyncSession, now: int, *, sub: str | None = None, client_id: str | None = None) -> None:
    """What was approved and not yet fetched gives nothing any more; at least one of both must be given."""
    named = {DeviceCode.sub: sub, DeviceCode.client_id: client_id}
    conditions = [col(column) == value for column, value in named.items() if value is not None]
    if not conditions:
        raise ValueError("which device codes?")
    await session.exec(
        update(DeviceCode)
        .where(*conditions, col(DeviceCode.decision) == APPROVED, col(DeviceCode.used_at).is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
