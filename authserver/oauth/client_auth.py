"""Who is the client? `client_secret_basic`, `client_secret_post` and `none` (RFC 6749 §2.3), no switch between them;
`private_key_jwt` is in `client_assertion`.

Authlib's own functions let Basic and a different body pass side by side and answer an unknown client in other words
than a wrong secret; here both look the same, in text and in time (contracts/security.md 6.36).
"""

import base64
from collections.abc import Callable, Sequence
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

from authserver.oauth.clients import NO_SECRET, RegisteredClient
from authserver.oauth.requests import ProtocolRequest
from authserver.secret_values import digest, same

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
CONFIDENTIAL_METHODS = (*SECRET_METHODS, "private_key_jwt")
METHODS = (*CONFIDENTIAL_METHODS, "none")


def refused() -> InvalidClientError:
    """One answer for every reason: 401 with `WWW-Authenticate` (RFC 6749 §5.2)."""
    return InvalidClientError("Client authentication failed", status_code=401)


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """Client id and secret of a Basic header, form-decoded after RFC 6749 §2.3.1; None when there is no such header.

    Raises `InvalidClientError` for a header that cannot be read.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError as error:  # not base64, not ASCII, not UTF-8
        raise refused() from error
    client_id, colon, secret = text.partition(":")
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if not colon or "\0" in client_id:  # no database takes a NUL
        raise refused()
    return client_id, secret


def authenticate(
    find: Callable[[str], RegisteredClient | None], request: ProtocolRequest, methods: Sequence[str]
) -> RegisteredClient:
    """The client that the request proves to come from, or, for a public client, claims to.

    Sets `request.auth_method`. Raises `InvalidRequestError` where Basic and body disagree, else `InvalidClientError`.
    """
    form = request.parameters
    basic = basic_credentials(request.headers.get("Authorization", ""))
    client_id = form.get("client_id", "")
    secret = form.get("client_secret", "")
    method = "client_secret_post" if secret else "none"
    if basic is not None:
        # contracts/alexa.md A15: both places are tolerated where they are equal
        if (client_id and client_id != basic[0]) or (secret and secret != basic[1]):
            raise InvalidRequestError("The Authorization header and the body name different client credentials")
        client_id, secret = basic
        method = "client_secret_basic"
    client = find(client_id) if client_id else None
    if client is None:
        same(NO_SECRET, digest(secret))
        raise refused()
    if method not in methods or not client.check_endpoint_auth_method(method, "token"):
        raise refused()
    if method != "none" and not client.check_client_secret(secret):
        raise refused()
    request.auth_method = method
    return client
