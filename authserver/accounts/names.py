"""E-mail addresses as names: read once into what is written to and what is compared."""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

LONGEST = 254  # characters, RFC 5321 §4.5.3.1.3 less the brackets


class NotAnAddressError(ValueError):
    """The text is not an e-mail address that this server takes."""


@dataclass(frozen=True)
class Email:
    """`address` is written to, `canonical` is compared and unique."""

    address: str
    canonical: str


def read_email(text: str, *, public: bool = False) -> Email:
    """Raises `NotAnAddressError`. With `public` the domain must be one that the internet could know: what strangers
    sign up with. An operator may name accounts at hosts of a home network.

    A character that compatibility normalisation turns into another one (Kelvin sign, full-width letters, ligatures) is
    refused: such an address is a disguise of another account's (contracts/security.md 6.64); so is what mail programs
    decode (`=?`, RFC 2047). Nothing is looked up in the DNS.
    """
    text = text.strip()
    if (
        len(text) > LONGEST
        or "=?" in text
        or any(unicodedata.normalize("NFKC", character) != character for character in text)
    ):
        raise NotAnAddressError("not an e-mail address")
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=public)
    except EmailNotValidError as error:
        raise NotAnAddressError("not an e-mail address") from error
    domain = found.ascii_domain or found.domain
    return Email(found.normalized, f"{_fold(found.local_part)}@{domain.lower()}")


def _fold(text: str) -> str:
    """Without case, character by character: `ß` stays apart from `ss`, which full case folding makes equal."""
    folded = (character.casefold() for character in text)
    return unicodedata.normalize(
        "NFC", "".join(new if len(new) == 1 else old.lower() for old, new in zip(text, folded, strict=True))
    )
