"""A client's key, and the DPoP proofs that it makes (RFC 9449 §4), right and wrong. Knows nothing of our services."""

import base64
import hashlib
import json
import secrets
import warnings
from typing import Any

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

warnings.filterwarnings("ignore", "EdDSA is deprecated", SecurityWarning)

MAKE: dict[str, Any] = {
    "ES256": lambda: ECKey.generate_key("P-256", auto_kid=False),
    "ES384": lambda: ECKey.generate_key("P-384", auto_kid=False),
    "ES512": lambda: ECKey.generate_key("P-521", auto_kid=False),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519", auto_kid=False),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519", auto_kid=False),
    "PS256": lambda: RSAKey.generate_key(2048, auto_kid=False),
    "RS256": lambda: RSAKey.generate_key(2048, auto_kid=False),
}


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def hash_of(token: str) -> str:
    return text(hashlib.sha256(token.encode()).digest())


class ProvingKey:
    """`jkt` is what a token bound to it carries."""

    def __init__(self, alg: str = "ES256", key: Any = None) -> None:
        self.alg = alg
        self.key = key or MAKE[alg]()
        self.public: dict[str, Any] = self.key.as_dict(private=False)
        self.private: dict[str, Any] = self.key.as_dict(private=True)

    @property
    def jkt(self) -> str:
        thumbprint: str = self.key.thumbprint()
        return thumbprint

    def proof(
        self,
        method: str,
        uri: str,
        now: float,
        token: str | None = None,
        *,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """`None` takes a claim or a header member away."""
        made: dict[str, Any] = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": uri, "iat": now}
        if token is not None:
            made["ath"] = hash_of(token)
        members = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.public} | (header or {})
        return self.signed(
            {name: value for name, value in members.items() if value is not None},
            {name: value for name, value in (made | claims).items() if value is not None},
        )

    def signed(self, header: dict[str, Any], claims: Any) -> str:
        """Whatever the header says, signed with this key's algorithm."""
        parts = [text(json.dumps(part).encode()) for part in (header, claims)]
        signature = jws.JWSRegistry.algorithms[self.alg].sign(".".join(parts).encode(), self.key)
        return ".".join([*parts, text(signature)])
