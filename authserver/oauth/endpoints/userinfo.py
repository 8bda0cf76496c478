"""`/oauth2/userInfo` (OpenID Connect Core §5.3), in Cognito's spelling."""

import orjson
from authlib.oauth2.rfc6749 import InvalidRequestError
from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth import live, tokens
from authserver.oauth.requested_claims import singly_named
from authserver.oauth.requests import read_form
from authserver.oauth.responses import error_response, json_response, jwt_response
from authserver.oauth.userinfo import claims_of_scope
from authserver.services import Services


def _refused(error: str, description: str, status: int) -> Response:
    """RFC 6750 §3."""
    challenge = f'Bearer error="{error}", error_description="{description}"'
    return error_response(error, description, status, {"WWW-Authenticate": challenge})


async def presented_token(request: Request) -> str:
    """From the header, or a form body (RFC 6750 §2.1, §2.2); never from the query. Raises `InvalidRequestError`."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    in_header = value.strip() if scheme.lower() == "bearer" else ""
    if request.method == "POST" and request.headers.get("content-type", "").startswith("application/x-www-form"):
        in_body = (await read_form(request)).get("access_token", "")
        if in_body and in_header:
            raise InvalidRequestError("The token is given twice")
        return in_body or in_header
    return in_header


async def userinfo(request: Request) -> Response:
    """Claims about the person of an access token with scope `openid`, as the account is now. Sees revocation, unlike a
    verifier that works offline."""
    services: Services = request.app.state.services
    try:
        value = await presented_token(request)
    except InvalidRequestError as error:
        return _refused("invalid_request", error.description or "The request is not valid", error.status_code or 400)
    if not value:
        return error_response("invalid_token", "An access token is needed", 401, {"WWW-Authenticate": "Bearer"})
    now = services.clock()
    found = await live.find(services.oauth, value, now)
    if found is None or found.row is None:  # a machine is nobody
        return _refused("invalid_token", "The access token is expired, revoked or not valid", 401)
    claims, row, client = found.claims, found.row, found.client.row
    scope = str(claims["scope"])
    if "openid" not in scope.split():
        return _refused("insufficient_scope", "The access token lacks the scope openid", 403)
    info = claims_of_scope(
        row["email"],
        bool(row["email_verified"]),
        orjson.loads(row["attributes"]),
        scope,
        everything=client.userinfo_all_attributes and scope == "openid",
        singly=singly_named(orjson.loads(row["claims"]), "userinfo", row["scope"], scope),
    )
    if client.userinfo_string_booleans:  # Cognito's way
        info = {name: str(value).lower() if isinstance(value, bool) else value for name, value in info.items()}
    # as the token itself names the person: to a client with pairwise subjects no other name is told
    info |= {"sub": claims["sub"], "username": claims["username"]}
    alg = client.userinfo_signing_alg
    if alg is None:
        return json_response(info)
    # OpenID Connect Core §5.3.2; no `token_use` and no `exp`: it passes for no token of ours
    signed = info | {"iss": services.settings.issuer, "aud": client.client_id}
    return jwt_response(tokens.signed(services.keys, alg, signed, now), "application/jwt")
