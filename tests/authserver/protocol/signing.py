"""A client that has keys: what it signs, and what somebody would sign who wants to pass for it."""

import hmac
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from authserver.oauth.compact import encoded
from authserver.secret_values import random_token
from tests.authserver.protocol.harness import Asker, Server

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Signing:
    """A key pair of a client, with the algorithm that it signs with."""

    alg: str
    key: Any
    kid: str

    @property
    def public(self) -> dict[str, Any]:
        return {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig"}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """None takes a member of the header away."""
        members = {"alg": self.alg, "kid": self.kid} | header
        return signed({name: value for name, value in members.items() if value is not None}, claims, self.key)


def signed(header: dict[str, Any], claims: Any, key: Any) -> str:
    """Also what no library signs: `none`, and HS256 with bytes that are somebody's public key."""
    payload = claims if isinstance(claims, bytes) else orjson.dumps(claims)
    unsigned = encoded(orjson.dumps(header)) + b"." + encoded(payload)
    if header["alg"] == "none":
        signature = b""
    elif header["alg"] == "HS256":
        signature = hmac.digest(key, unsigned, "sha256")
    else:
        signature = jws.JWSRegistry.algorithms[header["alg"]].sign(unsigned, key)
    return (unsigned + b"." + encoded(signature)).decode()


_MADE: dict[tuple[str, int], Signing] = {}


def signing(alg: str = "ES256", number: int = 0) -> Signing:
    """Made once for each algorithm and number: RSA keys take their time."""
    if (alg, number) not in _MADE:
        key: Any
        if alg in ("RS256", "PS256"):
            key = RSAKey.generate_key(2048)
        elif alg == "ES256":
            key = ECKey.generate_key("P-256")
        else:
            key = OKPKey.generate_key("Ed25519")
        _MADE[alg, number] = Signing(alg, key, f"{alg}-{number}")
    return _MADE[alg, number]


@dataclass
class Holder(Asker):
    """A client that authenticates with its key."""

    signing: Signing = None  # type: ignore[assignment]

    @classmethod
    async def add(cls, server: Server, keys: Signing | None = None, **fields: Any) -> "Holder":
        """Registered with this key; `fields` are columns."""
        keys = keys or signing()
        policy = {"token_endpoint_auth_methods": ["private_key_jwt"]} | fields
        if not {"jwks", "jwks_uri"} & set(fields):
            policy["jwks"] = {"keys": [keys.public]}
        made = await server.add_client("confidential", **policy)
        return cls(server, made.client_id, made.secret, made.redirect_uri, "private_key_jwt", keys)

    def claims(self, **others: Any) -> dict[str, Any]:
        """Those of an assertion that is in order; None takes one away."""
        now = self.server.clock()
        given = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.server.settings.issuer,
            "exp": now + 60,
            "iat": now,
            "jti": random_token(),
        } | others
        return {name: value for name, value in given.items() if value is not None}

    def assertion(self, **others: Any) -> str:
        return self.signing.sign(self.claims(**others))

    def proof(self, assertion: str | None = None) -> dict[str, str]:
        """The two parameters."""
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion or self.assertion()}

    def _credentials(self, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        return self.proof() | form, {}

    def request_object(self, header: dict[str, Any] | None = None, **others: Any) -> str:
        """A signed authorization request; None takes a claim away."""
        now = self.server.clock()
        given = self.authorization() | {
            "iss": self.client_id,
            "aud": self.server.settings.issuer,
            "exp": now + 60,
            "nbf": now,
        }
        claims = {name: value for name, value in (given | others).items() if value is not None}
        return self.signing.sign(claims, **({"typ": "oauth-authz-req+jwt"} | (header or {})))
