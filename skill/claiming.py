"""The code that makes a lamp somebody's: made, read as people type it, and drawn. Who may use it, the registry says.

A code is 80 random bits in Crockford's base32 (https://www.crockford.com/base32.html), `7K3M-9QWX-TRG2-0HBA`. It is
high entropy, so that a plain digest is enough to find it by (design, decision 5) and nobody need count the guesses.
"""

import hashlib
import io
import secrets
from urllib.parse import urlencode

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH, GROUP = 16, 4
LONGEST = 64
"""Characters that are looked at; dashes and spaces need no more."""
_ALIKE = str.maketrans("OIL", "011", " -\t\r\n\u00a0\u2010\u2011\u2012\u2013\u2014\u2212")


def new_code() -> tuple[str, bytes]:
    """The code in groups, and its digest: the first for people, once, the second to keep."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(letters[start : start + GROUP] for start in range(0, LENGTH, GROUP)), _digest(letters)


def digest_of(code: str) -> bytes | None:
    """Of a code as somebody typed it: case, spaces and dashes do not count, O is 0, I and L are 1. None where it
    cannot be one."""
    if len(code) > LONGEST:
        return None
    letters = code.upper().translate(_ALIKE)
    return _digest(letters) if len(letters) == LENGTH and set(letters) <= set(ALPHABET) else None


def _digest(letters: str) -> bytes:
    return hashlib.sha256(b"claim code " + letters.encode()).digest()


def claim_url(public_url: str, code: str) -> str:
    """Where the companion takes the code; what the QR code says."""
    return f"{public_url.rstrip('/')}/claim?{urlencode({'code': code})}"


def qr_svg(text: str) -> str:
    """A document of its own, dark on white with the quiet zone around it, to print on a sticker or to show as a
    picture."""
    import segno  # only here: most processes draw none

    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="svg", scale=8, border=4, light="#fff")
    return drawn.getvalue().decode()


def qr_text(text: str) -> str:
    """For a terminal with light letters on dark, two rows in a line; most cameras read it the other way round, too."""
    import segno  # only here: most processes draw none

    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, border=2, compact=True)
    return drawn.getvalue()
