"""What somebody says of themselves: attributes of the account, which applications may see by the scope `profile`.

Only the names in `FIELDS` are ever written here. What a token or userinfo says of the protocol (`sub`, `client_id`,
`scope`, …) is not read from attributes, so that none can override it (contracts/security.md 6.66).
"""

import unicodedata
from collections.abc import Mapping
from enum import StrEnum

from babel.core import get_global
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import User

FIELDS = ("name", "given_name", "family_name", "zoneinfo")  # OpenID Connect Core §5.1
LONGEST = 128  # characters


class Unfit(StrEnum):
    """Why something is not taken."""

    TOO_LONG = "too_long"
    NO_TEXT = "no_text"  # characters that are not shown
    NO_ZONE = "no_zone"


def zones() -> list[str]:
    """Names of time zones (IANA), one for each, by name."""
    return sorted(zone for zone in get_global("zone_territories") if "/" in zone and not zone.startswith("Etc/"))


def read(typed: Mapping[str, str]) -> dict[str, str] | dict[str, Unfit]:
    """What was typed into the fields that are given, ready to be stored, '' for nothing; or what is wrong, by field."""
    values = {name: " ".join(unicodedata.normalize("NFC", typed[name]).split()) for name in FIELDS if name in typed}
    wrong = {name: reason for name, value in values.items() if (reason := _unfit(name, value)) is not None}
    return wrong or values


def _unfit(name: str, value: str) -> Unfit | None:
    if len(value) > LONGEST:
        return Unfit.TOO_LONG
    if name == "zoneinfo":
        return None if not value or value in zones() else Unfit.NO_ZONE
    # marks that join or direct letters are part of names in many scripts; what else is not shown only disguises
    hidden = [one for one in value if unicodedata.category(one) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")]
    return Unfit.NO_TEXT if hidden or "\u202e" in value or "\u202d" in value else None


async def save(session: AsyncSession, user: User, values: Mapping[str, str], now: int) -> None:
    """These attributes hold from now on, those with '' are gone, and all others stay as they are at this moment: the
    account is held first. Does not check them: `read`."""
    await session.exec(update(User).where(col(User.sub) == user.sub).values(updated_at=now))
    held = await session.get(User, user.sub, populate_existing=True)
    if held is not None:
        kept = {name: value for name, value in held.attributes.items() if name not in values}
        held.attributes = kept | {name: value for name, value in values.items() if value}
        session.add(held)
