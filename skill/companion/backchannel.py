"""The issuer says that somebody has left (OpenID Connect Back-Channel Logout 1.0): `POST /backchannel-logout`."""

import hashlib
import re
from typing import Any, NamedTuple

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from skill.access_token import LONGEST_TOKEN
from skill.errors import AlexaError, InvalidCredential
from skill.jwks import IssuerKeys
from skill.settings import ASYMMETRIC_ALGORITHMS

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LEEWAY = 90  # seconds
OLDEST = 600  # seconds from `iat`; the issuer makes a new token for each try
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REGISTRY = jws.JWSRegistry(algorithms=list(ASYMMETRIC_ALGORITHMS), strict_check_header=False)


class NoLogoutToken(Exception):
    """The text is for developers and holds no input."""


class Left(NamedTuple):
    """Who has left: a session of the issuer, or a person with all that they have. `digest` names the token."""

    sub: str | None
    sid: str | None
    digest: bytes
    expires_at: int


async def read(token: str, keys: IssuerKeys, issuer: str, client_id: str, now: float) -> Left:
    """§2.6. Raises NoLogoutToken; InternalError where the keys cannot be had now."""
    if len(token) > LONGEST_TOKEN or _COMPACT.fullmatch(token) is None:
        raise NoLogoutToken("the token has no compact form")
    try:
        header = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
        kid, algorithm = header.get("kid"), header.get("alg")
        if header.get("typ") != "logout+jwt" or not isinstance(kid, str) or "crit" in header:
            raise NoLogoutToken("the header is not that of a logout token")
        key = await keys.key(kid)
        if key.algorithm != algorithm:
            raise NoLogoutToken("the algorithm is not that of the key")
        claims = orjson.loads(jws.deserialize_compact(token, key.key, registry=_REGISTRY).payload)
    except InvalidCredential as error:
        raise NoLogoutToken("the key is unknown") from error
    except AlexaError:
        raise
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NoLogoutToken("the token cannot be read, or its signature is wrong") from error
    return _left(claims, token, issuer, client_id, now)


def _left(claims: Any, token: str, issuer: str, client_id: str, now: float) -> Left:
    if not isinstance(claims, dict) or claims.get("iss") != issuer:
        raise NoLogoutToken("another issuer")
    audience = claims.get("aud")
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        raise NoLogoutToken("another audience")
    made_at, expires_at = claims.get("iat"), claims.get("exp")
    if type(made_at) is not int or type(expires_at) is not int:
        raise NoLogoutToken("no times")
    if not now - OLDEST - LEEWAY <= made_at <= now + LEEWAY or expires_at < now - LEEWAY:
        raise NoLogoutToken("the token is not from now")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict) or "nonce" in claims:
        raise NoLogoutToken("no logout token")
    if not isinstance(claims.get("jti"), str):
        raise NoLogoutToken("no name")
    sub, sid = claims.get("sub"), claims.get("sid")
    if not any(isinstance(one, str) and one for one in (sub, sid)) or not all(
        one is None or isinstance(one, str) for one in (sub, sid)
    ):
        raise NoLogoutToken("nobody is named")
    used = hashlib.sha256(orjson.dumps(["logout", claims["jti"]])).digest()
    return Left(sub or None, sid or None, used, min(expires_at, int(now) + OLDEST) + LEEWAY)
