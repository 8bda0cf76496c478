"""JWS Compact Serialization (RFC 7515 §7.1) with a key of ours.

joserfc signs. What its `jwt.encode` checks anew for each token (header, key, algorithm) is known here once: it would
cost an eighth of a refresh.
"""

import base64

import orjson
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Key = RSAKey | ECKey | OKPKey


def encoded(raw: bytes) -> bytes:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


class Signer:
    """Signs with one key. The caller vouches that the key is one of this algorithm."""

    def __init__(self, alg: str, kid: str, key: Key) -> None:
        self._algorithm = JWSRegistry.algorithms[alg]
        self._alg, self._kid, self._key = alg, kid, key
        self._headers: dict[str, bytes] = {}

    def _header(self, typ: str) -> bytes:
        header = self._headers.get(typ)
        if header is None:
            members = {"typ": typ, "alg": self._alg, "kid": self._kid}
            header = self._headers[typ] = encoded(orjson.dumps(members)) + b"."
        return header

    def sign(self, payload: bytes, typ: str) -> str:
        signed = self._header(typ) + encoded(payload)
        return (signed + b"." + encoded(self._algorithm.sign(signed, self._key))).decode()
