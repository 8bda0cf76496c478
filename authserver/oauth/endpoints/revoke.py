"""`POST /oauth2/revoke` (RFC 7009), with Cognito's answers: an empty 200; 400 `unsupported_token_type`."""

from authlib.oauth2.rfc6749 import OAuth2Error
from sqlalchemy.util.concurrency import greenlet_spawn
from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth.refresh_token import UnknownKeyError
from authserver.oauth.requests import ProtocolRequest, read_form
from authserver.oauth.responses import CORS, NO_STORE, json_response, unavailable
from authserver.services import Services


async def revoke(request: Request) -> Response:
    """End a token. 200 also for an unknown, foreign or ended one, which nothing happens to (RFC 7009 §2.2)."""
    services: Services = request.app.state.services
    oauth = services.oauth
    try:
        asked = ProtocolRequest(
            "POST",
            f"{oauth.issuer}/oauth2/revoke",
            await read_form(request),
            services.clock(),
            authorization=request.headers.get("authorization", ""),
        )
    except OAuth2Error as error:
        refusal = oauth.handle_error_response(None, error)
        return json_response(dict(refusal.body), refusal.status, refusal.headers)
    try:
        answer = await greenlet_spawn(oauth.create_endpoint_response, "revocation", asked)
    except UnknownKeyError:
        return unavailable(60)
    if answer.status != 200:
        return json_response(dict(answer.body), answer.status, answer.headers)
    return Response(b"", 200, {**NO_STORE, **CORS})
