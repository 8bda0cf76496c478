"""Passkeys (WebAuthn Level 3): made by whoever is signed in, used in the password's place, or after it.

`challenges` are what browsers are asked to sign, `ceremonies` how they are asked and what their answers are worth (the
rules of the standard, by py_webauthn, on plain values), `registrations` make a passkey, `assertions` prove with one who
somebody is, `own` is what a person sees of theirs.

Everything that may be wrong with an answer is one `PasskeyRefusal`; whoever reads it learns neither whether there is
such a passkey nor whose it is.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a passkey was not taken."""

    NOTHING = "nothing"  # no answer of a browser, or none that can be read
    OUTDATED = "outdated"  # the challenge is not open here: used, expired, or made for something else
    WRONG = "wrong"  # unknown, removed, another account's, disabled, badly signed, or copied
    TOO_MANY = "too_many"  # attempts from this network
    KNOWN = "known"  # to be added, and there already
    FULL = "full"  # to be added, and as many as there may be


@dataclass(frozen=True)
class PasskeyRefusal:
    reason: Reason
    wait: int = 0  # seconds
