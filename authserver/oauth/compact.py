"""JWS Compact Serialization (RFC 7515 §7.1) with a key of ours.

joserfc signs. What its `jwt.encode` checks anew for each token (header, key, algorithm) is known here once: it would
cost an eighth of a refresh.
"""

import base64
from typing import Any

import orjson
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Key = RSAKey | ECKey | OKPKey


class _Ready:
    """A key for joserfc's algorithms, which look at each signature whether it may sign: that is known once."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._private = key.get_op_key("sign")

    def get_op_key(self, _operation: str) -> Any:
        return self._private

    def __getattr__(self, name: str) -> Any:
        """All else is the key's own."""
        return getattr(self._key, name)


def encoded(raw: bytes) -> bytes:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


class Signer:
    """Signs with one key. The caller vouches that the key is one of this algorithm."""

    def __init__(self, alg: str, kid: str, key: Key) -> None:
        self._algorithm = JWSRegistry.algorithms[alg]
        self._alg, self._kid, self._key = alg, kid, _Ready(key)
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
