"""Our own access tokens, presented to us (userinfo)."""

from collections.abc import Sequence
from typing import Any

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from authserver.oauth.keys import KeyRing, LoadedKey, PastKey

LONGEST = 32_768  # characters: an ID token tells all that a person has, and twenty attributes have room for 2048 each


def signed_by_us(keys: KeyRing, value: str, *, in_the_past: bool = False) -> jwt.Token | None:
    """A JWT that a published key of ours has signed, of whatever kind and age; None for anything else. `in_the_past`:
    or one that has expired since, for what opens nothing."""
    if len(value) > LONGEST or value.count(".") != 2 or "=" in value:
        return None
    try:
        header = orjson.loads(urlsafe_b64decode(value.partition(".")[0].encode()))
        # Before joserfc, which fails over what is no object, and over a `crit` that is no list; we set none.
        if not isinstance(header, dict) or "crit" in header:
            return None
        kid = header.get("kid")
        known: Sequence[LoadedKey | PastKey] = (*keys.keys, *keys.past) if in_the_past else keys.keys
        key = next((key for key in known if key.kid == kid), None)
        if key is None:
            return None
        return jwt.decode(value, key.key, algorithms=[key.alg])
    except (JoseError, ValueError, TypeError):
        return None


def verify(keys: KeyRing, issuer: str, value: str, now: int) -> dict[str, Any] | None:
    """The claims of a valid access token of ours; None for anything else: ID tokens, tokens of another kind or server,
    expired ones. Whether the grant still stands is not checked here."""
    token = signed_by_us(keys, value)
    if token is None:
        return None
    claims: dict[str, Any] = token.claims
    if (
        token.header.get("typ") != "at+jwt"
        or claims.get("iss") != issuer
        or claims.get("token_use") != "access"
        or not isinstance(claims.get("exp"), int)
        or claims["exp"] <= now
    ):
        return None
    return claims
