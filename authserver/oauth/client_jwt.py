"""A JWT that a client has signed, read with suspicion: an assertion of who it is, or an authorization request."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from authserver.oauth.client_keys import ALGORITHMS, ClientKeys
from authserver.oauth.clients import RegisteredClient

LONGEST = 16_384  # characters
SKEW = 30  # seconds that a client's clock may be ahead: eight are nothing, sixty are too many (FAPI 2.0 §5.3.2.1)
LONGEST_LIFE = 3600  # seconds from now to `exp`
#: headers without which the signature would mean something else, or that bring a key of their own. The latter are never
#: looked at; the former we do not know (RFC 7515 §4.1.11, RFC 7797 §6)
UNKNOWN_RULES = ("crit", "b64")
LENIENT = JWSRegistry(strict_check_header=False)


class JwtError(Exception):
    """It proves nothing; the text is for the operator's log."""


class UnsignedError(JwtError):
    """`alg` is `none`."""


@dataclass(frozen=True)
class ClientJwt:
    """Header and claims as they came: believed only after `verify`."""

    header: dict[str, Any]
    claims: dict[str, Any] = field(repr=False)
    _signed: bytes = field(repr=False)
    _signature: bytes = field(repr=False)

    @classmethod
    def read(cls, value: str, types: Collection[str]) -> "ClientJwt":
        """`types`: what `typ` may say, in lower case; a header without it passes. Raises `JwtError`."""
        if len(value) > LONGEST or value.count(".") != 2 or "=" in value or not value.isascii():
            raise JwtError("is no JWS in compact form")
        try:
            found = jws.extract_compact(value.encode(), registry=LENIENT)
            header, claims = found.headers(), orjson.loads(found.payload)
            signature = urlsafe_b64decode(found.segments["signature"])
        except (JoseError, ValueError, TypeError) as error:
            raise JwtError("cannot be read") from error
        if not isinstance(claims, dict) or not isinstance(header, dict):
            raise JwtError("holds no claims")
        if str(header.get("alg")).lower() == "none":
            raise UnsignedError("is not signed")
        if header.get("alg") not in ALGORITHMS:
            raise JwtError("is signed with another algorithm than " + ", ".join(ALGORITHMS))
        if any(name in header for name in UNKNOWN_RULES):
            raise JwtError("demands rules that are not known here")
        typ = header.get("typ", "jwt")
        if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in {"jwt", *types}:
            raise JwtError("is a JWT of another kind")
        if not isinstance(header.get("kid"), (str, type(None))):
            raise JwtError("has a key id that is none")
        signed, _, _ = value.rpartition(".")
        return cls(header, claims, signed.encode(), signature)

    async def verify(self, keys: ClientKeys, client: RegisteredClient) -> None:
        """With a key of this client and no other. Raises `JwtError`, `KeysAwayError`."""
        alg = self.header["alg"]
        kid, registered_with = self.header.get("kid"), client.registered_with
        found = await keys.find(client.client_id, client.own_keys, client.row.jwks_uri, kid, alg, registered_with)
        algorithm = JWSRegistry.algorithms[alg]
        if not found:
            raise JwtError("is signed with a key that the client does not have")
        if not any(algorithm.verify(self._signed, self._signature, candidate.key) for candidate in found):
            raise JwtError("has a wrong signature")

    def check_times(self, now: int, *, must_expire: bool) -> None:
        """RFC 7519 §4.1.4 to §4.1.6. Raises `JwtError`."""
        expires = self.time("exp")
        if expires is None and must_expire:
            raise JwtError("has no exp")
        if expires is not None and expires <= now:
            raise JwtError("has expired")
        if expires is not None and expires > now + LONGEST_LIFE + SKEW:
            raise JwtError(f"expires in more than {LONGEST_LIFE} seconds")
        for name in ("nbf", "iat"):
            begins = self.time(name)
            if begins is not None and begins > now + SKEW:
                raise JwtError(f"has an {name} in the future")

    def time(self, name: str) -> float | None:
        """A NumericDate (RFC 7519 §2), or None. Raises `JwtError` for anything else."""
        value = self.claims.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise JwtError(f"has an {name} that is no time")
        return value
