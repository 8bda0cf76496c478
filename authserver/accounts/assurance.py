"""How sure a sign-in makes us of somebody: from what was proved (`amr`) to Cognito's levels (`acr`). Pure.

Levels are in order, and a higher one satisfies a request for a lower one (contracts/cognito.md 2.2).
"""

from collections.abc import Iterable, Sequence

#: password; one one-time code; a passkey, or a password and something weaker than an app; with a code of an app
LEVELS = ("loa:1", "loa:2", "loa:3", "loa:4")
PASSKEY = frozenset({"swk", "hwk"})  # RFC 8176: a key in software or in hardware


def _level(amr: Iterable[str]) -> int:
    """0 where nothing known was proved."""
    proved = frozenset(amr)
    first = "pwd" in proved or bool(proved & PASSKEY)
    if first and "otp" in proved:
        return 4
    if proved & PASSKEY or (first and proved & {"email_otp", "mfa"}):
        return 3
    if proved & {"otp", "email_otp"}:
        return 2
    return 1 if first else 0


def is_strong(amr: Iterable[str]) -> bool:
    """More than one factor was proved; a passkey, which its owner unlocks, is two at once."""
    return _level(amr) >= 3


def reaches(amr: Iterable[str], wanted: str) -> bool:
    """Whether one of the `acr_values` is satisfied. What is not one of our levels is ignored: nobody could reach it."""
    asked = [LEVELS.index(value) + 1 for value in wanted.split() if value in LEVELS]
    return not asked or _level(amr) >= min(asked)


def acr_of(amr: Sequence[str], wanted: str = "") -> str | None:
    """The `acr` of a token: the first of the `acr_values` that is satisfied, which are in order of preference, else the
    level that was reached."""
    level = _level(amr)
    for value in wanted.split():
        if value in LEVELS and LEVELS.index(value) < level:
            return value
    return LEVELS[level - 1] if level else None


def joined(amr: Sequence[str], more: Sequence[str]) -> list[str]:
    """What was proved at two moments, each once, in their order; `mfa` last."""
    every = dict.fromkeys([*amr, *more])
    last = ["mfa"] if "mfa" in every else []
    return [method for method in every if method != "mfa"] + last
