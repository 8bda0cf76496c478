"""The code that a person reads off a device and types elsewhere (RFC 8628 §6.1): eight letters, no vowel among them, so
that no word comes about and nothing looks like a digit. `WDJB-MJHT`.

34 bits can be tried out: only an HMAC is stored, and who types is counted (`pages.device`).
"""

import secrets
import unicodedata

from authserver.secret_values import SecretKey, SecretKeys

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8
LONGEST = 64  # characters that are read of what was typed


def new() -> str:
    """As it is shown."""
    return shown("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)))


def read(typed: str) -> str | None:
    """The eight letters, however they were typed: case, spaces and hyphens mean nothing. None: no such code."""
    plain = unicodedata.normalize("NFKC", typed[:LONGEST]).upper()
    letters = "".join(character for character in plain if character.isalnum())
    return letters if len(letters) == LENGTH and set(letters) <= set(ALPHABET) else None


def shown(letters: str) -> str:
    """In two groups."""
    return f"{letters[:4]}-{letters[4:]}"


def digest(key: SecretKey, letters: str) -> bytes:
    """What is stored of it."""
    return key.mac("device user code", letters)


def digests(keys: SecretKeys, letters: str) -> list[bytes]:
    """Under which of them it may be stored."""
    return [digest(key, letters) for key in keys.all()]
