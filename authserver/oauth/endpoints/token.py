"""`POST /oauth2/token` (RFC 6749 §3.2)."""

import logging
from contextlib import suppress

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Error, UnsupportedGrantTypeError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from authserver import greenlets
from authserver.oauth.client_auth import basic_credentials
from authserver.oauth.errors import DPOP_NONCE
from authserver.oauth.refresh_token import UnknownKeyError
from authserver.oauth.requests import ProtocolRequest, header, read_parameters, refuse_query
from authserver.oauth.responses import json_response, unavailable
from authserver.oauth.server import GRANT_TYPES
from authserver.services import Services
from authserver.storage.database import StorageError

log = logging.getLogger(__name__)

TOLD = ("WWW-Authenticate", DPOP_NONCE)


async def token(request: Request) -> Response:
    """Exchange a code or a refresh token. Errors of the client are RFC 6749 §5.2's; trouble of ours is 503, never
    `invalid_grant`, which would unlink an Alexa user for good."""
    services: Services = request.app.state.services
    oauth = services.oauth
    try:
        refuse_query(request)
        parameters = await read_parameters(request)
        grant_type = parameters.get("grant_type")
        if not grant_type:
            raise InvalidRequestError("grant_type is missing")
        if grant_type not in GRANT_TYPES:
            raise UnsupportedGrantTypeError(grant_type="this one")
    except OAuth2Error as error:
        answer = oauth.handle_error_response(None, error)
        return json_response(dict(answer.body), answer.status)
    protocol_request = ProtocolRequest(
        "POST",
        f"{oauth.issuer}/oauth2/token",
        parameters,
        services.clock(),
        authorization=header(request, b"authorization"),
        dpop_headers=[value.decode("latin-1") for name, value in request.scope["headers"] if name == b"dpop"],
    )
    try:
        answer = await greenlets.run(oauth.create_token_response, protocol_request)
    except UnknownKeyError:
        return unavailable(60)
    if answer.status != 200:  # an operator with "unable to link" finds the reason here; no code or token is in it
        asking = await _who(services, protocol_request)
        log.info("token: %s refused to client %r: %s", grant_type, asking, dict(answer.body).get("error"))
    headers = {name: value for name, value in answer.headers.items() if name in TOLD}
    if protocol_request.proof is not None and (
        nonce := oauth.dpop.next_nonce(protocol_request.proof, protocol_request.now)
    ):
        headers[DPOP_NONCE] = nonce
    return json_response(dict(answer.body), answer.status, headers)


async def _who(services: Services, request: ProtocolRequest) -> str:
    """Which client's operator shall look; '' where nobody knows. Of a Basic header only the id of a client that there
    is: it may hold id and secret the wrong way round, and no log shall tell a secret."""
    if request.client is not None:
        return str(request.client.client_id)
    if sent := request.parameters.get("client_id"):
        return sent[:128]
    with suppress(InvalidClientError, StorageError):
        basic = basic_credentials(request.headers.get("Authorization", ""))
        if basic is not None and await services.clients.get(basic[0]) is not None:
            return basic[0]
    return ""


async def token_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """The same as an ASGI application, for the short way of `app.Application`. Only what a client proved to have a
    right to holds pages back: a stranger's requests must not."""
    response = await token(Request(scope, receive, send))
    if response.status_code < 400:
        scope["app"].state.turns.program_served()
    await response(scope, receive, send)
