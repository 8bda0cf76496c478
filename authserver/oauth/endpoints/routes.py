"""Where each endpoint lies."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from authserver.oauth.endpoints.authorize import authorize
from authserver.oauth.endpoints.device_authorization import device_authorization
from authserver.oauth.endpoints.discovery import jwks, openid_configuration
from authserver.oauth.endpoints.introspect import introspect
from authserver.oauth.endpoints.par import par
from authserver.oauth.endpoints.register import PATH as REGISTER
from authserver.oauth.endpoints.register import register
from authserver.oauth.endpoints.revoke import revoke
from authserver.oauth.endpoints.token import token
from authserver.oauth.endpoints.userinfo import userinfo
from authserver.oauth.responses import error_response

#: what programs call, from any origin: errors are JSON
MACHINE = {
    "/oauth2/token": (token, ["POST"]),
    "/oauth2/device_authorization": (device_authorization, ["POST"]),
    "/oauth2/revoke": (revoke, ["POST"]),
    "/oauth2/introspect": (introspect, ["POST"]),
    "/oauth2/par": (par, ["POST"]),
    REGISTER: (register, ["POST", "GET", "PUT", "DELETE"]),
    "/oauth2/userInfo": (userinfo, ["GET", "POST"]),
    "/.well-known/jwks.json": (jwks, ["GET"]),
    "/.well-known/openid-configuration": (openid_configuration, ["GET"]),
    "/.well-known/oauth-authorization-server": (openid_configuration, ["GET"]),
}


READ = "Authorization, Content-Type, DPoP"  # headers that this server reads
#: names of headers, as a browser lists them
HEADERS = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}(?: ?, ?[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}){0,30}")


def _allowed_headers(asked: str) -> str:
    """Whatever a browser asks for: programs in it send more than this server reads (`x-amz-user-agent` by Amplify,
    `traceparent` by whoever traces), and none of it opens anything here."""
    return f"{READ}, {asked}" if HEADERS.fullmatch(asked) else READ


async def preflight(request: Request) -> Response:
    """A browser's CORS question; answered for any origin, without credentials (contracts/cognito.md row 25)."""
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE"
        if request.url.path.endswith(REGISTER)
        else "GET, POST",
        "Access-Control-Allow-Headers": _allowed_headers(request.headers.get("access-control-request-headers", "")),
        "Access-Control-Max-Age": "86400",
    }
    return Response(None, 204, headers)


def machine_paths(issuer_path: str) -> frozenset[str]:
    """Every path at which a program expects JSON."""
    return frozenset(
        {issuer_path + path for path in MACHINE} | {f"/.well-known/oauth-authorization-server{issuer_path}"}
    )


def method_not_allowed(allowed: str) -> Response:
    """RFC 9110 §15.5.6, in the form of every other error of a path that programs call."""
    return error_response("invalid_request", f"This endpoint takes {allowed}", 405, {"Allow": allowed})


def oauth_routes(issuer_path: str) -> list[BaseRoute]:
    """Under the issuer's path; RFC 8414 §3.1 puts its well-known part before the path."""
    routes: list[BaseRoute] = [Route(f"{issuer_path}/oauth2/authorize", authorize, methods=["GET", "POST"])]
    for path, (endpoint, methods) in MACHINE.items():
        routes.append(Route(issuer_path + path, endpoint, methods=methods))
        routes.append(Route(issuer_path + path, preflight, methods=["OPTIONS"]))
    if issuer_path:
        before = f"/.well-known/oauth-authorization-server{issuer_path}"
        routes.append(Route(before, openid_configuration, methods=["GET"]))
        routes.append(Route(before, preflight, methods=["OPTIONS"]))
    return routes
