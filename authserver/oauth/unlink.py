"""The link in the mail that goes out after a linking: it names one grant and can only end it."""

import base64
import binascii

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Grant
from authserver.oauth import granted
from authserver.secret_values import SecretKey, SecretKeys, same


def _mac(key: SecretKey, origin_jti: str) -> bytes:
    return key.mac("unlink", origin_jti)[:18]


def unlink_token(secret_keys: SecretKeys, origin_jti: str) -> str:
    """144 bits of MAC: whoever holds the mail may end this grant and do nothing else."""
    return f"{origin_jti}.{base64.urlsafe_b64encode(_mac(secret_keys.current, origin_jti)).decode()}"


async def grant_of_link(session: AsyncSession, secret_keys: SecretKeys, token: str) -> Grant | None:
    """The grant that the link names, ended or not; None when the link is not ours."""
    origin_jti, _, mac = token.partition(".")
    try:
        presented = base64.b64decode(mac, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(origin_jti) > 36 or not any([same(presented, _mac(key, origin_jti)) for key in secret_keys.all()]):  # noqa: C419
        return None
    return (await session.exec(select(Grant).where(Grant.origin_jti == origin_jti))).first()


async def unlink(session: AsyncSession, grant: Grant, now: int) -> bool:
    """Ends this grant and no other (contracts/alexa.md A26); False when it had ended before."""
    return await granted.revoke(session, now, origin_jti=grant.origin_jti, sub=grant.sub) > 0
