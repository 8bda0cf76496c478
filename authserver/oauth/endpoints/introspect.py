"""`POST /oauth2/introspect` (RFC 7662), as JSON or as a signed JWT (RFC 9701)."""

from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth import tokens
from authserver.oauth.endpoints.token_questions import answered
from authserver.oauth.responses import json_response, jwt_response
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
    found = await answered(request, services, "introspection", "/oauth2/introspect")
    if isinstance(found, Response):
        return found
    asked, answer = found
    oauth = services.oauth
    client = asked.client
    alg = client.row.introspection_signing_alg
    if alg is None and not wants_jwt(request.headers.get("accept", "")):
        return json_response(answer.body)
    claims = {"iss": oauth.issuer, "aud": client.client_id, "iat": asked.now, "token_introspection": answer.body}
    return jwt_response(tokens.signed(oauth.keys, alg or client.row.signing_alg, claims, asked.now, TYP), JWT)
