"""Accounts of lamps at a mosquitto: names, passwords, and the lines of its `password_file`.

Source: `mosquitto_passwd(1)` and `mosquitto_passwd` 2.0 itself: a line is `user:$7$ITERATIONS$SALT$HASH`, PBKDF2 with
SHA-512 over the password, 12 bytes of salt and 64 of hash, both in base64. A password made here has 142 random bits, so
that the few iterations that mosquitto itself makes are enough; it computes them in its one thread at every connection.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

ITERATIONS, SALT, HASH = 101, 12, 64
LENGTH = 24
"""Characters of a password, and at most of a user: firmwares keep as few as 32."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_USER = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_VERIFIER = re.compile(r"\$7\$(\d{1,7})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")


def user_of(endpoint_id: str) -> str:
    """The account's name, from the lamp's random id."""
    return endpoint_id[:LENGTH]


def is_user(name: str) -> bool:
    """Whether it can be a user in mosquitto's files, and is no other line there."""
    return _USER.fullmatch(name) is not None


def new_password() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))


def verifier_of(password: str) -> str:
    salt = secrets.token_bytes(SALT)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, HASH)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"


def verifies(verifier: str, password: str) -> bool:
    if (match := _VERIFIER.fullmatch(verifier)) is None:
        return False
    salt, wanted = (base64.b64decode(part) for part in match.groups()[1:])
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, max(1, int(match[1])), len(wanted) or 1)
    return hmac.compare_digest(made, wanted)


def lines(accounts: Iterable[tuple[str, str]]) -> str:
    """Of users and their verifiers, each user once."""
    return "".join(f"{user}:{verifier}\n" for user, verifier in sorted(dict(accounts).items()))


def users_in(text: str) -> dict[str, str]:
    """The users of a password file and their verifiers."""
    pairs = (line.partition(":") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {user.strip(): verifier.strip() for user, _, verifier in pairs}
