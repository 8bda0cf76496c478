"""Random values, digests, MACs and encryption at rest: the one file in which secrets are made and compared.

High-entropy secrets (codes, client secrets, session ids) are stored as SHA-256 digests, never with a slow hash: a slow
hash on the client secret would limit the server to some tokens a second (design, decision 5).
"""

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def random_token(size: int = 32) -> str:
    """`size` random bytes as base64url text: 32 bytes are 256 bits."""
    return secrets.token_urlsafe(size)


def new_uuid() -> str:
    """A random UUID (RFC 9562 §5.4), a third as costly as Python's."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


def digest(value: str) -> bytes:
    """SHA-256 of a high-entropy secret, 32 bytes: what is stored in its place."""
    return hashlib.sha256(value.encode()).digest()


def new_secret(size: int = 32) -> tuple[str, bytes]:
    """A new secret and what is stored of it."""
    value = random_token(size)
    return value, digest(value)


def same(left: bytes, right: bytes) -> bool:
    """Comparison in constant time."""
    return hmac.compare_digest(left, right)


def six_digits() -> str:
    """A code for people to type; low entropy, so that only `SecretKey.mac` of it is stored."""
    return f"{secrets.randbelow(1_000_000):06d}"


def temporary_password() -> str:
    """For a mail, to be typed once: sixteen letters and digits that nobody takes for each other, 79 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


class SealError(Exception):
    """What is sealed cannot be opened with this key."""


@dataclass(frozen=True)
class SecretKey:
    """The server's secret key: one HKDF label for each purpose, so that no use can stand in for another."""

    material: bytes = field(repr=False)
    _derived: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _started: dict[str, hmac.HMAC] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, text: str) -> "SecretKey":
        return cls(text.encode())

    def derive(self, purpose: str) -> bytes:
        """32 bytes for this purpose alone (RFC 5869)."""
        key = self._derived.get(purpose)
        if key is None:
            key = HKDF(SHA256(), 32, salt=None, info=b"lampgate " + purpose.encode()).derive(self.material)
            self._derived[purpose] = key
        return key

    @cached_property
    def key_id(self) -> str:
        """Eight characters that name the key without telling it; they stand in refresh tokens."""
        return base64.urlsafe_b64encode(self.derive("key id")[:6]).decode()

    def mac(self, purpose: str, *parts: str) -> bytes:
        """HMAC-SHA256 over the parts, each with its length, so that no two lists of parts look the same."""
        encoded = [part.encode() for part in parts]
        message = b"".join([len(part).to_bytes(4) + part for part in encoded])
        started = self._started.get(purpose)
        if started is None:
            started = self._started[purpose] = hmac.new(self.derive(purpose), digestmod="sha256")
        mac = started.copy()  # a quarter of what it costs to begin with the key
        mac.update(message)
        return mac.digest()

    def permute(self, purpose: str, block: bytes, *, back: bool = False) -> bytes:
        """Another 16 bytes for each 16 bytes, and the way back: AES-256 on one block, which is a pseudorandom
        permutation. Two equal blocks look equal, and that is what it is for."""
        cipher = Cipher(algorithms.AES(self.derive(purpose)), modes.ECB())  # noqa: S305  one block, no message
        made = cipher.decryptor() if back else cipher.encryptor()
        return made.update(block) + made.finalize()

    def seal(self, purpose: str, plain: bytes, context: str) -> bytes:
        """AES-256-GCM with a random nonce in front; `context` is bound to it."""
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, plain, context.encode())

    def unseal(self, purpose: str, sealed: bytes, context: str) -> bytes:
        """Raises `SealError` when the key or the context is another."""
        try:
            return AESGCM(self.derive(purpose)).decrypt(sealed[:12], sealed[12:], context.encode())
        except (InvalidTag, ValueError) as error:
            raise SealError(context) from error


@dataclass(frozen=True)
class SecretKeys:
    """The present secret key, and the one before it where the operator still gives it."""

    current: SecretKey
    previous: SecretKey | None = None

    def all(self) -> tuple[SecretKey, ...]:
        return (self.current,) if self.previous is None else (self.current, self.previous)
