"""`/oauth2/userInfo` (OpenID Connect Core §5.3), in Cognito's spelling."""

from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidRequestError
from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth import access_token
from authserver.oauth.requests import read_form
from authserver.oauth.responses import error_response, json_response
from authserver.oauth.userinfo import claims_of_scope
from authserver.services import Services
from authserver.storage.statements import FIND_GRANT_OF_ACCESS_TOKEN


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
    claims = access_token.verify(services.keys, services.settings.issuer, value, services.clock())
    row = (
        await services.hot.read_key(FIND_GRANT_OF_ACCESS_TOKEN, str(claims["origin_jti"]))
        if claims and "origin_jti" in claims
        else None
    )
    client = await services.clients.get(row["client_id"]) if row is not None else None
    if claims is None or row is None or client is None or row["revoked_at"] is not None or not row["user_stands"]:
        return _refused("invalid_token", "The access token is expired, revoked or not valid", 401)
    scope = str(claims["scope"])
    if "openid" not in scope.split():
        return _refused("insufficient_scope", "The access token lacks the scope openid", 403)
    info: dict[str, Any] = {"sub": row["sub"], "username": row["username"]}
    info |= claims_of_scope(
        row["email"],
        bool(row["email_verified"]),
        orjson.loads(row["attributes"]),
        scope,
        everything=client.row.userinfo_all_attributes and scope == "openid",
    )
    if client.row.userinfo_string_booleans:  # Cognito's way
        info = {name: str(value).lower() if isinstance(value, bool) else value for name, value in info.items()}
    return json_response(info)
