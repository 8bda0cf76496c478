"""Authorization requests that a client signed (RFC 9101), by value: at the authorization endpoint or pushed.

After Authlib's `rfc9101.JWTAuthenticationRequest`, which is asked when Authlib has already read the query. Only what
the object holds counts; what stands beside it is not even looked at, but for `client_id`.
"""

import logging
from typing import Any

import orjson
from authlib.oauth2.rfc9101.errors import InvalidRequestObjectError, RequestNotSupportedError

from authserver.oauth.client_jwt import LONGEST_LIFE, SKEW, ClientJwt, JwtError, UnsignedError
from authserver.oauth.client_keys import ClientKeys
from authserver.oauth.clients import RegisteredClient

log = logging.getLogger(__name__)

TYPES = ("oauth-authz-req+jwt",)
CLAIMS = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})  # of the JWT, no parameters
ONCE_MORE = ("request", "request_uri")


async def unpack(keys: ClientKeys, issuer: str, client: RegisteredClient, value: str, now: int) -> dict[str, str]:
    """The parameters in a request object of this client. Raises `RequestNotSupportedError`,
    `InvalidRequestObjectError`, `KeysAwayError`."""
    if client.row.jwks is None and client.row.jwks_uri is None:
        raise RequestNotSupportedError("Request objects are for clients that have registered keys")
    try:
        found = ClientJwt.read(value, TYPES)
        _check(found, issuer, client, now)
        await found.verify(keys, client)
    except UnsignedError as error:
        raise RequestNotSupportedError("Request objects must be signed") from error
    except JwtError as error:
        log.info("request object refused to client %r: it %s", client.client_id, error)
        raise InvalidRequestObjectError("The request object is not valid") from error
    return {name: _text(name, value) for name, value in found.claims.items() if name not in CLAIMS}


def _check(found: ClientJwt, issuer: str, client: RegisteredClient, now: int) -> None:
    """RFC 9101 §6.3, FAPI 2.0 Message Signing §5.3.1. Raises `JwtError`."""
    claims = found.claims
    if claims.get("client_id") != client.client_id or claims.get("iss") != client.client_id:
        raise JwtError("names another client than client_id does")
    audience = claims.get("aud")
    if issuer not in (audience if isinstance(audience, list) else [audience]):
        raise JwtError("has another aud than the issuer")
    if claims.get("sub") == client.client_id:  # RFC 9101 §10.8: it could pass for a client assertion
        raise JwtError("names the client as its subject")
    if any(name in claims for name in ONCE_MORE):
        raise JwtError("holds another request")
    if any("\0" in name or "\0" in _text(name, value) for name, value in claims.items()):
        raise JwtError("holds a NUL character")
    found.check_times(now, must_expire=client.row.require_signed_request_object)
    if client.row.require_signed_request_object:
        _check_life(found, now)


def _check_life(found: ClientJwt, now: int) -> None:
    """FAPI 2.0 Message Signing §5.3.1: `nbf` is there and no longer ago than an hour, and `exp` within an hour of it.
    Raises `JwtError`."""
    begins, expires = found.time("nbf"), found.time("exp") or 0
    if begins is None:
        raise JwtError("has no nbf")
    if begins < now - LONGEST_LIFE - SKEW or expires > begins + LONGEST_LIFE:
        raise JwtError(f"has an nbf more than {LONGEST_LIFE} seconds ago, or lives longer than that")


def _text(name: str, value: Any) -> str:
    """As it would stand in the query: numbers in digits, `claims` and the like as JSON, several `resource`s divided by
    spaces (RFC 8707 §2). Raises `JwtError` for what is nested so deeply that it is read and cannot be written."""
    if name == "resource" and isinstance(value, list):
        return " ".join(map(str, value))
    try:
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    except TypeError as error:
        raise JwtError("holds a claim that is nested too deeply") from error
