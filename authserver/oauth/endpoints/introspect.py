"""`POST /oauth2/introspect` (RFC 7662), as JSON or as a signed JWT (RFC 9701)."""

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from sqlalchemy.util.concurrency import greenlet_spawn
from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth import tokens
from authserver.oauth.refresh_token import UnknownKeyError
from authserver.oauth.requests import ProtocolRequest, read_form
from authserver.oauth.responses import json_response, jwt_response, unavailable
from authserver.services import Services

TYP = "token-introspection+jwt"
JWT = f"application/{TYP}"


def wants_jwt(accept: str) -> bool:
    """Whether the header names the type itself: a `*/*` is what every client sends."""
    return any(one.partition(";")[0].strip().lower() == JWT for one in accept.split(","))


async def introspect(request: Request) -> Response:
    """What this token is good for now. 200 with `active: false` for every token that is not good, or not the asking
    client's business; 401 for a client that does not authenticate, a public one among them."""
    services: Services = request.app.state.services
    oauth, now = services.oauth, services.clock()
    try:
        if request.scope["query_string"]:
            raise InvalidRequestError("Parameters belong in the body")
        asked = ProtocolRequest(
            "POST",
            f"{oauth.issuer}/oauth2/introspect",
            await read_form(request),
            now,
            authorization=request.headers.get("authorization", ""),
        )
    except OAuth2Error as error:
        refusal = oauth.handle_error_response(None, error)
        return json_response(dict(refusal.body), refusal.status, refusal.headers)
    try:
        answer = await greenlet_spawn(oauth.create_endpoint_response, "introspection", asked)
    except UnknownKeyError:
        return unavailable(60)
    if answer.status != 200:
        return json_response(dict(answer.body), answer.status, answer.headers)
    client = asked.client
    alg = client.row.introspection_signing_alg
    if alg is None and not wants_jwt(request.headers.get("accept", "")):
        return json_response(answer.body)
    claims = {"iss": oauth.issuer, "aud": client.client_id, "iat": now, "token_introspection": answer.body}
    return jwt_response(tokens.signed(oauth.keys, alg or client.row.signing_alg, claims, now, TYP), JWT)
