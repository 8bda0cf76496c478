"""Clients' pictures: uploaded by the operator and never fetched (contracts/security.md 6.77); docs/adr/0026.

PNG, JPEG and WebP, known by their first bytes and not by a name. No SVG: it is a program, and a picture of that size
needs none.
"""

import hashlib
import struct
from dataclasses import dataclass

from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Client, ClientLogo
from authserver.oauth.registration import RegistrationError
from authserver.storage.changes import announce

LARGEST = 262_144  # bytes
SMALLEST_SIDE, LARGEST_SIDE = 64, 2048  # pixels; a small file can claim a size that stops a phone


@dataclass(frozen=True)
class Picture:
    """A picture that browsers show: its type, and its size in pixels as it says itself."""

    media_type: str
    width: int
    height: int


def read(content: bytes) -> Picture:
    """Raises `RegistrationError` for what cannot be a logo."""
    if len(content) > LARGEST:
        raise RegistrationError(f"the picture has more than {LARGEST} bytes")
    picture = _png(content) or _jpeg(content) or _webp(content)
    if picture is None:
        raise RegistrationError("the file is no picture in PNG, JPEG or WebP")
    sides = (picture.width, picture.height)
    if min(sides) < SMALLEST_SIDE or max(sides) > LARGEST_SIDE:
        raise RegistrationError(
            f"the picture is {picture.width} x {picture.height} pixels; each side must have {SMALLEST_SIDE} to "
            f"{LARGEST_SIDE}"
        )
    return picture


def _png(content: bytes) -> Picture | None:
    """PNG 3rd edition §5.2, §11.2.1: IHDR comes first."""
    if len(content) < 33 or not content.startswith(b"\x89PNG\r\n\x1a\n") or content[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", content[16:24])
    return Picture("image/png", width, height)


def _jpeg(content: bytes) -> Picture | None:
    """ITU-T T.81 §B.1.1: segments, until the one that begins a frame tells the size."""
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return Picture("image/jpeg", width, height)
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return None


def _webp(content: bytes) -> Picture | None:
    """RFC 9649 §2.4 to §2.7: lossy, lossless, extended."""
    if len(content) < 30 or content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None
    kind = content[12:16]
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", content[26:30])
        return Picture("image/webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and content[20] == 0x2F:
        bits = int.from_bytes(content[21:25], "little")
        return Picture("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        sides = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))
        return Picture("image/webp", *sides)
    return None


async def put(session: AsyncSession, client: Client, content: bytes, now: int) -> tuple[ClientLogo, Picture]:
    """The client's picture from now on, whatever it had. Raises `RegistrationError`."""
    picture = read(content)
    logo = await session.merge(
        ClientLogo(
            client_id=client.client_id,
            media_type=picture.media_type,
            picture=content,
            version=hashlib.sha256(content).hexdigest()[:16],
            updated_at=now,
        )
    )
    await session.flush()
    await announce(session)
    return logo, picture


async def remove(session: AsyncSession, client: Client) -> bool:
    """Whether there was one."""
    gone = await session.exec(delete(ClientLogo).where(col(ClientLogo.client_id) == client.client_id))
    await announce(session)
    return gone.rowcount > 0


async def find(session: AsyncSession, client_id: str) -> ClientLogo | None:
    possible = len(client_id) <= 128 and client_id.isprintable()
    return await session.get(ClientLogo, client_id) if possible else None
