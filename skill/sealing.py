"""What is stored so that nobody who reads the database can use it: tokens of Amazon and of the companion's people.

AES-256-GCM under a key of its own for each purpose, derived from SKILL_SECRET_KEY by HKDF-SHA256 (RFC 5869).
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12  # bytes


class CannotOpen(Exception):
    """Sealed under another key, for somebody else, or changed since: our own trouble, never the client's."""


class Sealing:
    """`keys` as `Settings.secret_keys` has them: the first seals, all of them open."""

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        derived = [HKDF(SHA256(), 32, None, f"skill {purpose}".encode()).derive(key) for key in keys]
        self._ciphers = [AESGCM(key) for key in derived]

    def seal(self, plain: bytes, belongs_to: str) -> bytes:
        """`belongs_to` names the row: sealed text that is put into another one does not open there."""
        nonce = os.urandom(_NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, plain, belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """Raises CannotOpen."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], belongs_to.encode())
            except (InvalidTag, ValueError):
                continue
        raise CannotOpen
