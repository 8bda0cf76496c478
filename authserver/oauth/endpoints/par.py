"""`POST /oauth2/par` (RFC 9126): a client leaves its authorization request here and gets a reference to it."""

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from sqlalchemy.util.concurrency import greenlet_spawn
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import attempts
from authserver.oauth import authorization, incoming, pushed, request_objects
from authserver.oauth.client_auth import METHODS
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.dpop.binding import authorization_key
from authserver.oauth.dpop.proof import Proof
from authserver.oauth.errors import InvalidDpopProofError, PageError
from authserver.oauth.requests import ProtocolRequest, once, parse, read_body, refuse_query, sent
from authserver.oauth.responses import error_response, json_response
from authserver.oauth.spent import spend
from authserver.services import Services


async def par(request: Request) -> Response:
    """201 with `request_uri` and `expires_in`; every fault that the authorization endpoint would find is told here, to
    the client itself (RFC 9126 §2.3)."""
    services: Services = request.app.state.services
    oauth, now = services.oauth, services.clock()
    try:
        refuse_query(request)
        parameters = await _form(request)
        protocol_request = ProtocolRequest(
            "POST",
            f"{oauth.issuer}/oauth2/par",
            parameters,
            now,
            authorization=request.headers.get("authorization", ""),
            dpop_headers=request.headers.getlist("dpop"),
        )
        client = await greenlet_spawn(oauth.authenticate_client, protocol_request, METHODS)
        if client.is_public and (wait := await _strangers_wait(services, request, now)):
            return error_response(
                "temporarily_unavailable", "Too many requests from this network", 429, {"Retry-After": str(wait)}
            )
        proof = await _proof(services, protocol_request, client)
        asked = await _asked(services, client, parameters, now)
        if (jkt := authorization_key(asked, proof)) is not None:
            asked["dpop_jkt"] = jkt
        request_uri = await pushed.store(services.settings, services.hot, client.client_id, asked, now)
    except OAuth2Error as error:
        error.redirect_uri = None  # it goes to whoever pushes, not to a browser
        answer = oauth.handle_error_response(None, error)
        return json_response(dict(answer.body), answer.status, answer.headers)
    return json_response({"request_uri": request_uri, "expires_in": pushed.LIFETIME}, 201)


async def _form(request: Request) -> dict[str, str]:
    """Each parameter once, but for `resource` (RFC 8707 §2). Raises `InvalidRequestError`."""
    values = parse(await read_body(request))
    several = values.pop("resource", None)
    return sent(once(values) | (incoming.collapse({"resource": several})[0] if several else {}))


async def _strangers_wait(services: Services, request: Request, now: int) -> int:
    """Seconds: anybody may push in the name of a public client, and each push is a row for half an hour."""
    address = request.client.host if request.client else ""
    async with services.database.unit() as session:
        return await attempts.count_visit(session, services.settings, services.secret_keys, address, now)


async def _proof(services: Services, request: ProtocolRequest, client: RegisteredClient) -> Proof | None:
    """RFC 9449 §10.1: the code will be bound to the key that a proof here proves. Raises `OAuth2Error`."""
    if not request.dpop_headers or client.row.preset == "alexa":
        return None
    proof = services.oauth.dpop.verify(request.dpop_headers, "POST", "/oauth2/par", request.now)
    if not await spend(services.hot, proof.digest, proof.expires_at):
        raise InvalidDpopProofError("The DPoP proof was used before")
    return proof


async def _asked(services: Services, client: RegisteredClient, parameters: dict[str, str], now: int) -> dict[str, str]:
    """The request that was pushed, validated. Raises `OAuth2Error`."""
    oauth = services.oauth
    if "request_uri" in parameters:  # RFC 9126 §2.1
        raise InvalidRequestError("request_uri must not be pushed")
    if "request" in parameters:
        parameters = await request_objects.unpack(oauth.client_keys, oauth.issuer, client, parameters["request"], now)
    elif client.row.require_signed_request_object:
        raise InvalidRequestError("This client must sign its requests (request)")
    parameters = parameters | {"client_id": client.client_id}
    try:
        to = await incoming.addressee(oauth, incoming.listed(parameters))
    except PageError as error:
        raise InvalidRequestError("redirect_uri is missing, or none that is registered") from error
    await authorization.validate(oauth, to, parameters, now, repeated=False)
    return parameters
