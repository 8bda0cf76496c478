"""The passkeys of a person, as they see, name and remove them.

A page names a passkey by a digest of its id, and finds it among the person's own alone: nobody reaches another's.
"""

import base64
import hashlib
import unicodedata
from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity
from authserver.accounts.activity import Kind
from authserver.accounts.entry import Browser
from authserver.accounts.mail import letters, outbox
from authserver.accounts.surroundings import Surroundings
from authserver.models import Passkey, User
from authserver.secret_values import same

LONGEST_NAME = 64  # characters


def key_of(passkey: Passkey) -> str:
    """What stands for it in our pages: an id may have 1023 bytes."""
    return base64.urlsafe_b64encode(hashlib.sha256(passkey.credential_id).digest()[:18]).decode()


def user_handle(user: User) -> bytes:
    """WebAuthn §14.6.1: nothing that tells who it is."""
    return UUID(user.sub).bytes


def base64url(value: bytes) -> str:
    """As scripts of WebAuthn write bytes (§5.1: without padding)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def read_name(typed: str) -> str | None:
    """The name as it is kept; None when there is nothing to read in it, or too much."""
    name = " ".join("".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", typed)).split())
    return name if 0 < len(name) <= LONGEST_NAME else None


async def every(session: AsyncSession, sub: str) -> Sequence[Passkey]:
    """Oldest first."""
    found = await session.exec(
        select(Passkey).where(Passkey.sub == sub).order_by(col(Passkey.created_at), col(Passkey.credential_id))
    )
    return found.all()


async def find(session: AsyncSession, sub: str, key: str) -> Passkey | None:
    """This person's passkey that the page names."""
    named = key.encode()
    return next((one for one in await every(session, sub) if same(named, key_of(one).encode())), None)


async def rename(session: AsyncSession, sub: str, key: str, name: str) -> bool:
    """False when there is no such passkey. `name`: as of `read_name`."""
    found = await find(session, sub, key)
    if found is None:
        return False
    await session.exec(
        update(Passkey)
        .where(col(Passkey.credential_id) == found.credential_id, col(Passkey.sub) == sub)
        .values(name=name)
    )
    return True


async def remove(around: Surroundings, session: AsyncSession, user: User, key: str, browser: Browser) -> bool:
    """It opens nothing from now on, and a mail says so; in the caller's unit of work. False when there is none such, or
    another tab was faster. Sessions that it opened live on: who holds the account first either has one, or is refused.
    """
    await session.exec(select(User.sub).where(User.sub == user.sub).with_for_update(key_share=True))
    found = await find(session, user.sub, key)
    if found is None:
        return False
    gone = await session.exec(
        delete(Passkey)
        .where(col(Passkey.credential_id) == found.credential_id, col(Passkey.sub) == user.sub)
        .returning(col(Passkey.name))
    )
    if gone.first() is None:
        return False
    now = around.clock()
    letter = letters.passkey_removed_mail(around.settings, user.email, found.name, now, locale=user.locale)
    await outbox.post(session, letter, user.sub, key, now)
    await activity.note(session, user.sub, Kind.PASSKEY_REMOVED, now, browser, name=found.name)
    return True
