"""`/oauth2/userInfo` (OpenID Connect Core §5.3), in Cognito's spelling."""

import orjson
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from starlette.requests import Request
from starlette.responses import Response

from authserver.oauth import access_token, live, tokens
from authserver.oauth.dpop import resource
from authserver.oauth.dpop.resource import Presented, refused
from authserver.oauth.errors import DPOP_NONCE, InsufficientScopeError, InvalidTokenError
from authserver.oauth.requested_claims import singly_named
from authserver.oauth.requests import read_parameters
from authserver.oauth.responses import error_response, json_response, jwt_response
from authserver.oauth.userinfo import claims_of_scope
from authserver.services import Services


async def presented_token(request: Request) -> Presented:
    """From the header, or a form body (RFC 6750 §2.1, §2.2); never from the query. Raises `InvalidRequestError`."""
    in_header = resource.in_header(request.headers.get("authorization", ""))
    if request.method == "POST" and request.headers.get("content-type", "").startswith("application/x-www-form"):
        in_body = (await read_parameters(request)).get("access_token", "")
        if in_body and in_header.token:
            raise InvalidRequestError("The token is given twice")
        return Presented(in_body) if in_body else in_header
    return in_header


async def userinfo(request: Request) -> Response:
    """Claims about the person of an access token with scope `openid`, as the account is now. Sees revocation, unlike a
    verifier that works offline."""
    services: Services = request.app.state.services
    try:
        presented = await presented_token(request)
    except InvalidRequestError as error:
        return refused(resource.BEARER, error)
    if not presented.token:
        challenge = resource.challenge(resource.BEARER)
        return error_response("invalid_token", "An access token is needed", 401, {"WWW-Authenticate": challenge})
    now, headers = services.clock(), {}
    claims = access_token.verify(services.keys, services.settings.issuer, presented.token, now)
    if claims is not None and (presented.scheme == resource.DPOP or "cnf" in claims):
        try:
            nonce = await resource.prove(
                services.oauth.dpop,
                services.hot,
                presented,
                claims,
                request.headers.getlist("dpop"),
                request.method,
                "/oauth2/userInfo",
                now,
            )
        except OAuth2Error as error:
            return refused(presented.scheme, error)
        if nonce is not None:
            headers[DPOP_NONCE] = nonce
    found = await live.of(services.oauth, claims) if claims is not None else None
    if found is None or found.row is None:  # a machine is nobody
        return refused(presented.scheme, InvalidTokenError("The access token is expired, revoked or not valid"))
    claims, row, client = found.claims, found.row, found.client.row
    scope = str(claims["scope"])
    if "openid" not in scope.split():
        return refused(presented.scheme, InsufficientScopeError("The access token lacks the scope openid"))
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
        return json_response(info, headers=headers)
    # OpenID Connect Core §5.3.2; no `token_use` and no `exp`: it passes for no token of ours
    signed = info | {"iss": services.settings.issuer, "aud": client.client_id}
    return jwt_response(tokens.signed(services.keys, alg, signed, now), "application/jwt", headers)
