"""`/oauth2/register`: clients that register themselves (RFC 7591) and manage what they registered (RFC 7592).

Authlib's endpoint classes are synchronous in the middle of their own storage, take the time from the machine and answer
with other errors; its claims, its error classes and the order of its checks are here (docs/adr/0040).
"""

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import attempts
from authserver.oauth.dpop import resource
from authserver.oauth.dynamic import document, initial_access, metadata, registrations, sector
from authserver.oauth.dynamic.initial_access import Limits
from authserver.oauth.dynamic.metadata import Asked
from authserver.oauth.dynamic.registrations import OVER, Registered
from authserver.oauth.endpoints.discovery import signing_algorithms
from authserver.oauth.errors import InvalidTokenError
from authserver.oauth.requests import once, parse
from authserver.oauth.responses import CORS, NO_STORE, error_response, json_response
from authserver.services import Services

PATH = "/oauth2/register"
#: of the answer, never of a change (RFC 7592 §2.2)
OURS = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")


class _TooManyError(Exception):
    """`wait`: seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait


async def register(request: Request) -> Response:
    """`POST` with an initial access token; `GET`, `PUT`, `DELETE` with a client's registration access token and its
    `client_id` in the query."""
    services: Services = request.app.state.services
    try:
        if request.method == "POST":
            return await _register(services, request)
        presented, client_id = _bearer(request), _client_id(request)
        if request.method == "PUT":
            return await _replace(services, request, client_id, presented)
        if request.method == "DELETE":
            return await _remove(services, client_id, presented)
        async with services.turnstile.unit(services.database) as session:
            found = await registrations.find(session, client_id, presented)
        if found is None:
            raise InvalidTokenError(OVER)
        return json_response(_information(services, found, presented))
    except _TooManyError as error:
        retry = {"Retry-After": str(error.wait)}
        return error_response("temporarily_unavailable", "Too many requests from this network", 429, retry)
    except InvalidTokenError as error:
        said = f', error="{error.error}", error_description="{error.description}"' if _presents(request) else ""
        challenge = {"WWW-Authenticate": f'{resource.BEARER} realm="registration"{said}'}
        return error_response("invalid_token", error.description, 401, challenge)
    except OAuth2Error as error:
        description = error.description or "The request is not valid"
        return error_response(str(error.error), description, error.status_code or 400)


async def _register(services: Services, request: Request) -> Response:
    now = services.clock()
    if not services.registration_is_open():
        return error_response("invalid_request", "No client registers itself at this server", 404)
    presented = _bearer(request)
    async with services.turnstile.unit(services.database) as session:
        token = await initial_access.find(session, presented, now)
        wait = await _count(services, session, request) if token is not None else 0
    if token is None:
        raise InvalidTokenError(OVER)
    if wait:
        raise _TooManyError(wait)
    limits = Limits.of(token)
    asked = await _asked(services, await document.read(request), limits, token.token_id)
    async with services.turnstile.unit(services.database) as session:
        made = await registrations.register(session, token.token_id, limits, asked, now)
    return json_response(_information(services, made, made.access_token or ""), 201)


async def _replace(services: Services, request: Request, client_id: str, presented: str) -> Response:
    """RFC 7592 §2.2."""
    now = services.clock()
    async with services.turnstile.unit(services.database) as session:
        found = await registrations.find(session, client_id, presented)
        wait = await _count(services, session, request) if found is not None else 0
    if found is None:
        raise InvalidTokenError(OVER)
    if wait:
        raise _TooManyError(wait)
    given = await document.read(request)
    if any(name in given for name in OURS):
        raise InvalidRequestError("The request holds a member that is the answer's alone")
    if given.get("client_id") != client_id:
        raise InvalidRequestError("client_id must be the one of this client")
    secret = given.get("client_secret")
    if secret is not None and not isinstance(secret, str):
        raise InvalidRequestError("client_secret must be a string")
    asked = await _asked(services, given, Limits.of(found.row.limits), found.row.token_id)
    async with services.turnstile.unit(services.database) as session:
        held = await registrations.hold(session, client_id, presented, now)
        if held.row.limits != found.row.limits:  # the operator narrowed them while the body or the sector was awaited
            asked = metadata.read(given, Limits.of(held.row.limits), signing_algorithms(services))
        changed = await registrations.replace(session, held, asked, secret, now)
    services.clients.forget_one(client_id)  # as every worker within a second
    return json_response(_information(services, changed, presented))


async def _remove(services: Services, client_id: str, presented: str) -> Response:
    """RFC 7592 §2.3."""
    now = services.clock()
    async with services.turnstile.unit(services.database) as session:
        await registrations.remove(session, await registrations.hold(session, client_id, presented, now))
    services.clients.forget_one(client_id)
    return Response(None, 204, {**NO_STORE, **CORS})


async def _asked(services: Services, given: dict[str, object], limits: Limits, token_id: str) -> Asked:
    """What may be registered. Over the network where the client names a sector: no unit of work is open."""
    asked = metadata.read(given, limits, signing_algorithms(services))
    if asked.sector_uri is not None:
        await sector.check(services.oauth.egress, asked.sector_uri, asked.columns["redirect_uris"], token_id)
    return asked


async def _count(services: Services, session: AsyncSession, request: Request) -> int:
    """A refusal does not use up an initial access token: what one network may ask of us is bounded all the same."""
    address = request.client.host if request.client else ""
    return await attempts.count_visit(session, services.settings, services.secret_keys, address, services.clock())


def _presents(request: Request) -> bool:
    return bool(resource.in_header(request.headers.get("authorization", "")).token)


def _bearer(request: Request) -> str:
    """From the header alone (RFC 6750 §2.1). Raises `InvalidTokenError`."""
    presented = resource.in_header(request.headers.get("authorization", ""))
    if not presented.token:
        raise InvalidTokenError("A token is needed")
    if presented.scheme != resource.BEARER:
        raise InvalidTokenError(OVER)
    return presented.token


def _client_id(request: Request) -> str:
    """'' for none. Raises `InvalidRequestError`."""
    return once(parse(request.scope["query_string"])).get("client_id", "")


def _information(services: Services, found: Registered, access_token: str) -> dict[str, object]:
    """RFC 7591 §3.2.1, RFC 7592 §3. A secret is told when it is made, and never again: only its digest is here."""
    client = found.client
    secret: dict[str, object] = {"client_secret": found.secret} if found.secret is not None else {}
    if found.secret is not None or client.token_endpoint_auth_methods[0].startswith("client_secret"):
        secret["client_secret_expires_at"] = 0
    return {
        "client_id": client.client_id,
        "client_id_issued_at": client.created_at,
        **secret,
        "registration_access_token": access_token,
        "registration_client_uri": f"{services.settings.issuer}{PATH}?client_id={client.client_id}",
        **registrations.metadata_of(found),
    }
