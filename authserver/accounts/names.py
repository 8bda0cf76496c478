"""What people are called: e-mail addresses and user names, each read once into what is shown and what is compared.

A character that compatibility normalisation turns into another one (Kelvin sign, full-width letters, ligatures) is
refused in both: such a name is a disguise of another account's (contracts/security.md 6.64).
"""

import unicodedata
from dataclasses import dataclass
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

LONGEST = 254  # characters, RFC 5321 §4.5.3.1.3 less the brackets
LONGEST_USERNAME = 128  # characters, as in the table
#: scripts that people write together; every other letter stands with its own script alone
EAST_ASIAN = frozenset({"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"})


class NotAnAddressError(ValueError):
    """The text is not an e-mail address that this server takes."""


class NotAUsernameError(ValueError):
    """The text is not a user name that this server takes."""


@dataclass(frozen=True)
class Email:
    """`address` is written to, `canonical` is compared and unique."""

    address: str
    canonical: str


@dataclass(frozen=True)
class Username:
    """`name` is shown, `canonical` is compared and unique. No canonical user name is a canonical address or a `sub`."""

    name: str
    canonical: str


def read_email(text: str, *, public: bool = False) -> Email:
    """Raises `NotAnAddressError`. With `public` the domain must be one that the internet could know: what strangers
    sign up with. An operator may name accounts at hosts of a home network. What mail programs decode (`=?`, RFC 2047)
    is refused. Nothing is looked up in the DNS."""
    text = text.strip()
    if len(text) > LONGEST or "=?" in text or _is_disguised(text):
        raise NotAnAddressError("not an e-mail address")
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=public)
    except EmailNotValidError as error:
        raise NotAnAddressError("not an e-mail address") from error
    domain = found.ascii_domain or found.domain
    return Email(found.normalized, f"{_fold(found.local_part)}@{domain.lower()}")


def read_username(text: str) -> Username:
    """Raises `NotAUsernameError`. Letters of one script, digits, `.`, `_` and `-`, the first one a letter or a digit,
    after the example of PRECIS (RFC 8265 §3.3, UsernameCaseMapped); nothing of the form of a UUID, which a `sub` has.
    Whether it is somebody's is not checked here."""
    name = unicodedata.normalize("NFC", text.strip())
    if not 0 < len(name) <= LONGEST_USERNAME or _is_disguised(text.strip()):
        raise NotAUsernameError("not a user name")
    scripts = {_script(character) for character in name if character not in "0123456789._-"}
    canonical = _fold(name)
    if "" in scripts or len(scripts) > 1 or name[0] in "._-" or _is_mark(name[0]) or _is_uuid(canonical):
        raise NotAUsernameError("not a user name")
    if len(canonical) > LONGEST_USERNAME:
        raise NotAUsernameError("not a user name")
    return Username(name, canonical)


def is_address(text: str) -> bool:
    """Whether a name that somebody typed can only be meant as an e-mail address: no user name has an `@`."""
    return "@" in text


def compared(text: str) -> str | None:
    """What a typed name, address or user name, is looked up by; None where it can be nobody's."""
    try:
        return read_email(text).canonical if is_address(text) else read_username(text).canonical
    except (NotAnAddressError, NotAUsernameError):
        return None


def _is_disguised(text: str) -> bool:
    return any(unicodedata.normalize("NFKC", character) != character for character in text)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc")


def _script(character: str) -> str:
    """The script of a letter or of a vowel sign, by the first word of its name in Unicode; '' for all else, also for
    marks that combine with any letter and have no composed form."""
    if not (character.isalpha() or _is_mark(character)):
        return ""
    script = unicodedata.name(character, "").partition(" ")[0]
    if script in EAST_ASIAN:
        return "CJK"
    return "" if script in ("COMBINING", "MODIFIER") else script


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _fold(text: str) -> str:
    """Without case, character by character: `ß` stays apart from `ss`, which full case folding makes equal."""
    folded = (character.casefold() for character in text)
    return unicodedata.normalize(
        "NFC", "".join(new if len(new) == 1 else old.lower() for old, new in zip(text, folded, strict=True))
    )
