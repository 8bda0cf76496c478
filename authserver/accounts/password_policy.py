"""Which passwords are taken: NIST SP 800-63B §3.1.1.2. Length and no composition rules; the commonest are refused."""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path

from authserver.accounts.passwords import LONGEST, normalised

SHORTEST = 8  # characters
COMMON = Path(__file__).with_name("common_passwords.txt")
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "1234567890")


class Weakness(StrEnum):
    """Why a password is not taken."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    OWN_WORDS = "own_words"


@cache
def common_passwords() -> frozenset[str]:
    """Those that are tried first, in lower case; `password1!` counts as `password`."""
    return frozenset(COMMON.read_text().split())


def weakness(password: str, own_words: Iterable[str] = ()) -> Weakness | None:
    """None when it may be used. `own_words`: e-mail address, name of the service and the like."""
    text = normalised(password)
    if len(text) < SHORTEST:
        return Weakness.TOO_SHORT
    if len(text) > LONGEST:
        return Weakness.TOO_LONG
    plain = text.casefold()
    if plain in common_passwords() or plain.rstrip("!.?@#$*0123456789") in common_passwords() or _is_pattern(plain):
        return Weakness.COMMON
    if _is_made_of(plain, _words(own_words)):
        return Weakness.OWN_WORDS
    return None


def _is_pattern(text: str) -> bool:
    """One short unit again and again, or a walk along the alphabet, the digits or a row of keys."""
    if any(text == (text[:size] * len(text))[: len(text)] for size in (1, 2, 3, 4) if len(text) >= 2 * size):
        return True
    steps = {ord(right) - ord(left) for left, right in pairwise(text)}
    return steps in ({1}, {-1}) or any(text in row or text in row[::-1] for row in ROWS)


def _words(given: Iterable[str]) -> set[str]:
    words = set()
    for word in given:
        plain = normalised(word).casefold()
        words |= {
            plain,
            *plain.split("@"),
            *plain.replace("@", " ").replace(".", " ").replace("-", " ").replace("_", " ").split(),
        }
    return {word for word in words if len(word) >= 4}


def _is_made_of(text: str, words: set[str]) -> bool:
    """Without the words, forwards or backwards, fewer than four characters are left."""
    rest = text
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "").replace(word[::-1], "")
    return len(rest) < 4 or any(text in word for word in words)
