"""What `/oauth2/introspect` and `/oauth2/revoke` have in common: a client that proves itself, and one token."""

from authlib.oauth2.rfc6749 import OAuth2Error
from sqlalchemy.util.concurrency import greenlet_spawn
from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth.refresh_token import UnknownKeyError
from authserver.oauth.requests import ProtocolRequest, read_parameters, refuse_query
from authserver.oauth.responses import Answer, json_response, unavailable
from authserver.services import Services


async def answered(
    request: Request, services: Services, name: str, path: str
) -> tuple[ProtocolRequest, Answer] | Response:
    """What Authlib's endpoint of this name says, and to whom; a response where it is no."""
    oauth = services.oauth
    try:
        refuse_query(request)
        asked = ProtocolRequest(
            "POST",
            f"{oauth.issuer}{path}",
            await read_parameters(request),
            services.clock(),
            authorization=request.headers.get("authorization", ""),
        )
    except OAuth2Error as error:
        answer = oauth.handle_error_response(None, error)
    else:
        try:
            answer = await greenlet_spawn(oauth.create_endpoint_response, name, asked)
        except UnknownKeyError:
            return unavailable(60)
        if answer.status == 200:
            return asked, answer
    return json_response(dict(answer.body), answer.status, answer.headers)
