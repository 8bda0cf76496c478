"""Refresh tokens: derived from the grant's row, never stored (design, decision 6).

    v1 . key id . grant id . generation . HMAC(HKDF(server key, "refresh"), grant, generation, client, seed)

Only a token that this server made can lead to a revocation, and the same successor can be given again inside the grace.
"""

import base64
from dataclasses import dataclass

from authserver.secret_values import SecretKey, SecretKeys, same

VERSION = "v1"
LONGEST = 200  # characters


class UnknownKeyError(Exception):
    """The token names a secret key that is not loaded: our own trouble (503), never `invalid_grant`."""


@dataclass(frozen=True)
class PresentedToken:
    """A refresh token, read; `mac` is not yet checked."""

    key_id: str
    grant_id: str
    generation: int
    mac: str


def _mac(key: SecretKey, grant_id: str, generation: int, client_id: str, seed: bytes) -> bytes:
    return key.mac("refresh", grant_id, str(generation), client_id, seed.hex())


def _text_of(mac: bytes) -> str:
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def make(key: SecretKey, grant_id: str, generation: int, client_id: str, seed: bytes) -> str:
    """The token of this generation of the grant."""
    mac = _text_of(_mac(key, grant_id, generation, client_id, seed))
    return f"{VERSION}.{key.key_id}.{grant_id}.{generation}.{mac}"


def read(token: str) -> PresentedToken | None:
    """None: not of our making."""
    parts = token.split(".")
    if len(token) > LONGEST or not token.isascii() or len(parts) != 5 or parts[0] != VERSION:
        return None
    _, key_id, grant_id, generation, mac = parts
    if not (generation.isdecimal() and len(generation) <= 9 and str(int(generation)) == generation and len(mac) == 43):
        return None
    return PresentedToken(key_id, grant_id, int(generation), mac)


def is_genuine(token: PresentedToken, keys: SecretKeys, client_id: str, seed: bytes) -> bool:
    """In constant time. Raises `UnknownKeyError` when its key is not loaded."""
    for key in keys.all():
        if key.key_id == token.key_id:
            # Texts, not bytes: the last character has two spare bits, and one token has one text.
            return same(
                token.mac.encode(), _text_of(_mac(key, token.grant_id, token.generation, client_id, seed)).encode()
            )
    raise UnknownKeyError(token.key_id)
