"""How an authorization request comes: as it stands in the query, in a signed object, or pushed before; and to whom its
answer may go."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc9101.errors import InvalidRequestUriError

from authserver.oauth import interactions, pushed, request_objects
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.errors import PageError
from authserver.oauth.redirects import Addressee
from authserver.oauth.server import OAuthServer

log = logging.getLogger(__name__)

Values = Mapping[str, list[str]]


@dataclass(frozen=True)
class Incoming:
    """A request whose answer has somewhere to go. `error`: the answer, where the request could not even be read.
    `pushed`: what it was pushed as (`pushed.NAME`), '' for others."""

    to: Addressee
    parameters: dict[str, str]
    repeated: bool = False
    error: OAuth2Error | None = None
    pushed: str = ""


async def read(oauth: OAuthServer, values: Values, now: int) -> Incoming:
    """Raises `PageError` while nothing is known of where an answer could go; `KeysAwayError`, `StorageError`."""
    client = await known_client(oauth, values)
    uris = set(values.get("request_uri", []))
    if len(uris) == 1 and (uri := next(iter(uris))).startswith(pushed.PREFIX):
        return await _pushed(oauth, client, values, uri, now)
    if "request" in values and not uris:
        return await _signed(oauth, client, values, now)
    found = Incoming(await addressee(oauth, values), *collapse(values))
    if client.row.require_signed_request_object and not uris:
        return _refused(found, InvalidRequestError("This client must sign its requests (request)"))
    return _unless_pushing(found)


async def _pushed(oauth: OAuthServer, client: RegisteredClient, values: Values, uri: str, now: int) -> Incoming:
    """RFC 9126 §4: what stands beside `request_uri` does not count. A reference that is not good leads back to the
    client only where the link names a registered address itself."""
    row = await pushed.find(oauth.hot, client.client_id, uri, now)
    if row is not None:
        parameters = {str(name): str(value) for name, value in row.request.items()}
        to = await addressee(oauth, listed(parameters))
        return Incoming(to, parameters, pushed=row.digest.hex())
    if not values.get("redirect_uri", [""])[0]:
        raise PageError("request_uri_invalid", interactions.START_OVER)
    found = Incoming(await addressee(oauth, values), *collapse(values))
    return _refused(found, InvalidRequestUriError("request_uri is unknown, expired, used or of another client"))


async def _signed(oauth: OAuthServer, client: RegisteredClient, values: Values, now: int) -> Incoming:
    """RFC 9101 §6.3. The redirect URI is the one that was signed; one beside the object counts only for telling the
    client that the object is not good."""
    outside = collapse(values)
    try:
        if len(set(values["request"])) > 1:
            raise InvalidRequestError("A parameter is repeated with different values")
        parameters = await request_objects.unpack(oauth.client_keys, oauth.issuer, client, values["request"][0], now)
    except OAuth2Error as error:
        return _refused(Incoming(await addressee(oauth, values), *outside), error)
    return _unless_pushing(Incoming(await addressee(oauth, listed(parameters)), parameters))


def _unless_pushing(found: Incoming) -> Incoming:
    """RFC 9126 §6: whoever must push is refused with anything else."""
    if found.to.client.row.require_pushed_authorization_requests:
        return _refused(found, InvalidRequestError("This client must push its requests (request_uri)"))
    return found


def _refused(found: Incoming, error: OAuth2Error) -> Incoming:
    return Incoming(found.to, found.parameters, found.repeated, error)


def listed(parameters: Mapping[str, str]) -> dict[str, list[str]]:
    """As a query would give them."""
    return {name: [value] for name, value in parameters.items()}


async def known_client(oauth: OAuthServer, values: Values) -> RegisteredClient:
    """Who asks. Raises `PageError`."""
    if any(len(set(values.get(name, []))) > 1 for name in ("client_id", "redirect_uri")):
        raise PageError(
            "repeated_parameter", "The link that brought you here names two different apps or addresses.", go_back=True
        )
    client_id = values.get("client_id", [""])[0]
    client = await oauth.clients.get(client_id) if client_id else None
    if client is None:
        log.warning("authorize: unknown client_id %r", client_id[:128])
        raise PageError(
            "unknown_client", "The app that sent you here is not registered with this server.", go_back=True
        )
    return client


async def addressee(oauth: OAuthServer, values: Values) -> Addressee:
    """To whom the answer may go. Raises `PageError`, with the particulars in the log for the operator only."""
    client = await known_client(oauth, values)
    redirect_uri = values.get("redirect_uri", [""])[0]
    if redirect_uri:
        if not client.check_redirect_uri(redirect_uri):
            log.warning(
                "authorize: client %s came with redirect_uri %r; registered: %s",
                client.client_id,
                redirect_uri[:1024],
                client.row.redirect_uris,
            )
            raise PageError(
                "redirect_mismatch",
                "The app that sent you here wants the answer at an address that is not registered.",
                go_back=True,
            )
        return Addressee(client, redirect_uri, True)
    scope = client.get_allowed_scope(values.get("scope", [""])[0]) or ""
    only = client.get_default_redirect_uri()
    if only is None or "openid" in scope.split():  # OpenID Connect Core §3.1.2.1: REQUIRED
        raise PageError(
            "redirect_uri_missing", "The app that sent you here did not say where the answer shall go.", go_back=True
        )
    return Addressee(client, only, False)


def collapse(values: Values) -> tuple[dict[str, str], bool]:
    """Each parameter once, and whether any came with different values: equal repetitions are mis-filled Alexa forms.
    `resource` alone may come with several (RFC 8707 §2): all of them, divided by spaces."""
    parameters = {name: found[0] for name, found in values.items()}
    if len(values.get("resource", [])) > 1:
        parameters["resource"] = " ".join(dict.fromkeys(values["resource"]))
    repeated = any(len(set(found)) > 1 for name, found in values.items() if name != "resource")
    return parameters, repeated
