"""`private_key_jwt`: who is the client? whoever signs with its key (RFC 7523 §2.2, §3; OpenID Connect Core §9).

After Authlib's `JWTBearerClientAssertion`, which takes an audience among others, any lifetime and joserfc's own choice
of algorithms, HS256 among them, and tells the sender what was wrong. Here `aud` is the issuer and nothing beside it
(draft-ietf-oauth-rfc7523bis §4): what a client signed for one server opens no other (docs/adr/0031).
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7523.client import ASSERTION_TYPE
from sqlalchemy.util.concurrency import await_

from authserver.oauth.client_auth import basic_credentials, refused
from authserver.oauth.client_jwt import ClientJwt, JwtError
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.spent import digest_of, spend

if TYPE_CHECKING:
    from authserver.oauth.server import OAuthServer

log = logging.getLogger(__name__)

METHOD = "private_key_jwt"
TYPES = ("client-authentication+jwt",)
LONGEST_ID = 512  # characters of a `jti`


def is_presented(request: ProtocolRequest) -> bool:
    return "client_assertion" in request.parameters or "client_assertion_type" in request.parameters


def authenticate(server: "OAuthServer", request: ProtocolRequest, methods: Sequence[str]) -> RegisteredClient:
    """The client whose key has signed the assertion, which is spent then.

    In a greenlet. Sets `request.auth_method`. Raises `InvalidRequestError` where a secret comes along (RFC 6749 §2.3),
    else `InvalidClientError`, the same for every reason; `KeysAwayError`, `StorageError`.
    """
    form = request.parameters
    if basic_credentials(request.headers.get("Authorization", "")) is not None or form.get("client_secret"):
        raise InvalidRequestError("The client authenticates in two ways at once")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise refused()
    try:
        client: RegisteredClient = await_(_prove(server, request, methods))
    except JwtError as error:
        log.info("client assertion refused to client %r: it %s", form.get("client_id", "")[:128], error)
        raise refused() from error
    request.auth_method = METHOD
    return client


async def _prove(server: "OAuthServer", request: ProtocolRequest, methods: Sequence[str]) -> RegisteredClient:
    """What costs nothing first, the signature then, and last what is changed by it."""
    form, now = request.parameters, request.now
    assertion = ClientJwt.read(form.get("client_assertion", ""), TYPES)
    claims = assertion.claims
    client_id, identifier = claims.get("sub"), claims.get("jti")
    if not isinstance(client_id, str) or claims.get("iss") != client_id:
        raise JwtError("names no client as iss and sub")
    if form.get("client_id", client_id) != client_id:
        raise JwtError("is of another client than client_id says")
    if claims.get("aud") != server.issuer:
        raise JwtError("has another aud than the issuer, as a string")
    if not isinstance(identifier, str) or not 0 < len(identifier) <= LONGEST_ID:
        raise JwtError("has no jti")
    assertion.check_times(now, must_expire=True)
    client = await server.clients.get(client_id) if "\0" not in client_id else None  # no database takes a NUL
    if client is None:
        raise JwtError("is of a client that is not known")
    if METHOD not in methods or not client.check_endpoint_auth_method(METHOD, "token"):
        raise JwtError("is no way in which this client may authenticate here")
    await assertion.verify(server.client_keys, client)
    if not await spend(server.hot, digest_of(METHOD, client_id, identifier), assertion.time("exp") or now):
        raise JwtError("was used before")
    return client
