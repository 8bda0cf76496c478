"""A passkey after the password. Its rules are in `accounts.passkeys`; here is what the policy has to know of it.

It is one way among those who have a second factor, as recovery codes are, and none that demands to be used by being
there: who adds one for comfort must not be locked out where a web view knows no passkeys (docs/adr/0018).
"""

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Passkey, User
from authserver.settings import Settings

NAME = "passkey"
AMR = ("hwk", "mfa")  # at least: it says itself whether it is `swk`, which is worth as much


async def is_usable(settings: Settings, session: AsyncSession, user: User) -> bool:
    found = await session.exec(select(Passkey.credential_id).where(Passkey.sub == user.sub).limit(1))
    return bool(settings.relying_party_id) and found.first() is not None
