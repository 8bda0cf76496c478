"""Whether who presents an access token holds the key that it is bound to: DPoP proofs (RFC 9449), read here on our own.

docs/token-profile.md says what a proof holds; the issuer's code is not ours.
"""

import hashlib
import posixpath
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import orjson
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)

WINDOW = 60.0  # seconds that a proof's `iat` may be away from our clock
LONGEST_PROOF = 8192  # characters
LONGEST_NAME = 256  # characters of `jti`
RSA_SIZES = range(2048, 4097)  # bits
_PORTS = {"http": 80, "https": 443}

_KINDS: dict[str, tuple[Any, dict[str, str], tuple[str, ...]]] = {
    "ES256": (ECKey, {"kty": "EC", "crv": "P-256"}, ("x", "y")),
    "EdDSA": (OKPKey, {"kty": "OKP", "crv": "Ed25519"}, ("x",)),
    "Ed25519": (OKPKey, {"kty": "OKP", "crv": "Ed25519"}, ("x",)),
    "PS256": (RSAKey, {"kty": "RSA"}, ("n", "e")),
    "RS256": (RSAKey, {"kty": "RSA"}, ("n", "e")),
}
ALGORITHMS = tuple(_KINDS)


class _Registry(jws.JWSRegistry):
    max_header_length = LONGEST_PROOF  # the key stands in it


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


class NotProven(Exception):
    """The DPoP header proves nothing; the text is for developers and holds no input."""


class Possession(NamedTuple):
    """The proof that this request comes from the holder of the key with this thumbprint (RFC 7638). Whether it came
    before is the database's to say: `Store.claim_signature`."""

    thumbprint: str
    digest: bytes
    expires_at: int


def verify(headers: Sequence[str], method: str, uri: str, token: str, now: float) -> Possession:
    """RFC 9449 §4.3, for a request to `uri`, ours as people reach it, with this access token. Raises NotProven."""
    if len(headers) != 1 or len(headers[0]) > LONGEST_PROOF or "=" in headers[0]:
        raise NotProven("There must be one DPoP proof.")
    try:
        unverified = jws.extract_compact(headers[0].encode(), registry=_REGISTRY)
        header = unverified.headers()
        key = _key(header)
        claims = orjson.loads(jws.deserialize_compact(headers[0], key, registry=_REGISTRY).payload)
        thumbprint: str = key.thumbprint()
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotProven("The DPoP proof or its key cannot be read, or its signature is wrong.") from error
    if not isinstance(claims, dict) or claims.get("htm") != method or not _same_place(claims.get("htu"), uri):
        raise NotProven("The DPoP proof is for another request.")
    name, made_at = claims.get("jti"), _number(claims.get("iat"))
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise NotProven("The DPoP proof has no name.")
    if made_at is None or abs(now - made_at) > WINDOW:
        raise NotProven("The DPoP proof is not from now.")
    expires_at, begins_at = _number(claims.get("exp", now)), _number(claims.get("nbf", now))
    if expires_at is None or begins_at is None or expires_at < now - WINDOW or begins_at > now + WINDOW:
        raise NotProven("The DPoP proof is not valid now.")
    if claims.get("ath") != urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode():
        raise NotProven("The DPoP proof is for another access token.")
    used = hashlib.sha256(orjson.dumps(["dpop", thumbprint, name])).digest()
    return Possession(thumbprint, used, int(made_at + WINDOW) + 1)


def _key(header: dict[str, Any]) -> Any:
    """The public key in the proof. Raises NotProven, or what joserfc raises for a key that is none."""
    kind = _KINDS.get(header["alg"]) if isinstance(header.get("alg"), str) else None
    jwk = header.get("jwk")
    if header.get("typ") != "dpop+jwt" or kind is None or not isinstance(jwk, dict) or "crit" in header:
        raise NotProven("The DPoP header holds no proof of a kind that is accepted.")
    if {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & jwk.keys():
        raise NotProven("The DPoP proof gives a private key away.")
    key_class, fixed, members = kind
    if any(jwk.get(name) != value for name, value in fixed.items()):
        raise NotProven("The DPoP proof is signed by another kind of key than it says.")
    if key_class is RSAKey:
        modulus = int.from_bytes(urlsafe_b64decode(jwk["n"].encode()))
        if modulus.bit_length() not in RSA_SIZES or len(jwk["e"]) > 6:
            raise NotProven("The key of the DPoP proof is too small or too large.")
    return key_class.import_key(fixed | {name: jwk[name] for name in members})


def _same_place(htu: object, uri: str) -> bool:
    """RFC 9449 §4.3: without query and fragment, and after normalisation (RFC 3986 §6.2.2, §6.2.3)."""
    if not isinstance(htu, str) or len(htu) > 2000 or not htu.isascii() or not htu.isprintable() or " " in htu:
        return False
    try:
        return _place(htu) == _place(uri)
    except ValueError:
        return False


def _place(uri: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(uri)
    path = posixpath.normpath(parts.path or "/") if "%" not in parts.path else _decoded(parts.path)
    if "@" in parts.netloc:
        raise ValueError("a user")
    slash = "/" if parts.path.endswith("/") and path != "/" else ""
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), path + slash


def _decoded(path: str) -> str:
    """Escapes of plain characters mean these characters; one of a slash does not mean a slash."""
    if "%2F" in path.upper() or "%25" in path:
        raise ValueError("an escape that must stay")
    return posixpath.normpath(unquote(path))


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 40 else None
