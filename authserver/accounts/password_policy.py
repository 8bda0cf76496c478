"""Which passwords are taken: NIST SP 800-63B §3.1.1.2. Length, and no composition rules unless the operator wants
Cognito's; those that are guessed first and the account's own words are refused.

`pages/static/strength.js` shows the same while somebody types: a change here is a change there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path

from authserver.accounts.passwords import LONGEST, normalised
from authserver.settings import PeopleSettings, words_of

SHORTEST = 8  # characters, where no setting asks for more
COMMON = Path(__file__).with_name("common_passwords.txt")
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "1234567890")
APPENDED = "!.?@#$*0123456789"  # what people put after a word, and what guessers try there
STAND_INS = str.maketrans("@431!05$7", "aaeiiosst")  # characters that people write for letters
#: Cognito's (contracts/cognito.md 3.2); a space inside counts too
SYMBOLS = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-")


class Weakness(StrEnum):
    """Why a password is not taken."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NO_UPPER = "no_upper"
    NO_LOWER = "no_lower"
    NO_NUMBER = "no_number"
    NO_SYMBOL = "no_symbol"
    COMMON = "common"
    OWN_WORDS = "own_words"
    TEMPORARY = "temporary"  # the one that was to be replaced


@dataclass(frozen=True)
class Weak:
    """Everything that is wrong with a password, so that it is said at once."""

    reasons: tuple[Weakness, ...]


@dataclass(frozen=True)
class Policy:
    """What the operator asks of passwords. `rules`: of `upper`, `lower`, `number`, `symbol`."""

    shortest: int = SHORTEST
    rules: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: PeopleSettings) -> "Policy":
        return cls(settings.password_minimum, words_of(settings.password_rules))


@cache
def common_passwords() -> frozenset[str]:
    """Those that are tried first, in lower case, and the words that they begin with."""
    return frozenset(COMMON.read_text("utf-8").split())


def weakness(password: str, own_words: Iterable[str] = (), policy: Policy | None = None) -> Weak | None:
    """None when it may be used. `own_words`: e-mail address, user name, name of the service and the like."""
    policy = policy or Policy()
    text = normalised(password)
    if len(text) > LONGEST:
        return Weak((Weakness.TOO_LONG,))
    found = [Weakness.TOO_SHORT] if len(text) < policy.shortest else []
    found += _lacking(text, policy.rules)
    plain = text.casefold()
    if _is_common(plain) or _is_pattern(plain):
        found.append(Weakness.COMMON)
    elif plain and _is_made_of(plain, _words(own_words)):
        found.append(Weakness.OWN_WORDS)
    return Weak(tuple(found)) if found else None


def _lacking(text: str, rules: frozenset[str]) -> list[Weakness]:
    """Cognito's rules, in Cognito's letters: Basic Latin."""
    has = {
        "upper": any("A" <= character <= "Z" for character in text),
        "lower": any("a" <= character <= "z" for character in text),
        "number": any("0" <= character <= "9" for character in text),
        "symbol": any(character in SYMBOLS for character in text) or " " in text.strip(),
    }
    return [Weakness(f"no_{rule}") for rule, there in has.items() if rule in rules and not there]


def _is_common(text: str) -> bool:
    """`P@ssw0rd1!` counts as `password`."""
    stem = text.rstrip(APPENDED)
    stems = {
        text,
        stem,
        text.translate(STAND_INS),
        stem.translate(STAND_INS),
        text.translate(STAND_INS).rstrip(APPENDED),
    }
    return not stems.isdisjoint(common_passwords())


def _is_pattern(text: str) -> bool:
    """One short unit again and again, or a walk along the alphabet, the digits or a row of keys."""
    if any(text == (text[:size] * len(text))[: len(text)] for size in (1, 2, 3, 4) if len(text) >= 2 * size):
        return True
    steps = {ord(right) - ord(left) for left, right in pairwise(text)}
    return steps in ({1}, {-1}) or (len(text) > 2 and any(text in row or text in row[::-1] for row in ROWS))


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
