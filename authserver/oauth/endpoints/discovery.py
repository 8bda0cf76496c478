"""Metadata (RFC 8414, OpenID Connect Discovery) and the JWKS: exactly what this server does, no more."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import second_factor
from authserver.languages import TAGS
from authserver.oauth.client_auth import CONFIDENTIAL_METHODS, METHODS
from authserver.oauth.client_keys import ALGORITHMS as CLIENT_ALGORITHMS
from authserver.oauth.dpop.proof import ALGORITHMS as DPOP_ALGORITHMS
from authserver.oauth.pairwise import SUBJECT_TYPES
from authserver.oauth.redirects import RESPONSE_MODES
from authserver.oauth.responses import CORS
from authserver.oauth.server import CODE_CHALLENGE_METHODS, GRANT_TYPES, RESPONSE_TYPES
from authserver.oauth.userinfo import PROFILE_CLAIMS
from authserver.services import Services

AUTH_METHODS = list(METHODS)


def signing_algorithms(services: Services) -> list[str]:
    """What we sign with now."""
    return sorted({"RS256", *(key.alg for key in services.keys.keys)})


def metadata(issuer: str, algorithms: list[str], levels: list[str], *, registration: bool) -> dict[str, Any]:
    """Cognito's ten keys and what it lacks; `issuer` is identical to `iss` in tokens. `registration`: whether clients
    may register themselves now."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "userinfo_endpoint": f"{issuer}/oauth2/userInfo",
        "device_authorization_endpoint": f"{issuer}/oauth2/device_authorization",
        "end_session_endpoint": f"{issuer}/oauth2/logout",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        **({"registration_endpoint": f"{issuer}/oauth2/register"} if registration else {}),
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": list(RESPONSE_TYPES),
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": list(SUBJECT_TYPES),
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "introspection_signing_alg_values_supported": algorithms,
        "scopes_supported": ["openid", "email", "phone", "profile", "address"],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": list(CONFIDENTIAL_METHODS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "pushed_authorization_request_endpoint": f"{issuer}/oauth2/par",
        "require_pushed_authorization_requests": False,  # of each client whose policy says so
        "code_challenge_methods_supported": list(CODE_CHALLENGE_METHODS),
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "require_signed_request_object": False,
        "request_uri_parameter_supported": False,  # nothing is fetched; what was pushed here has its own member
        "claims_parameter_supported": True,
        "ui_locales_supported": list(TAGS),
        "display_values_supported": ["page", "popup", "touch"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "acr_values_supported": levels,
        "claims_supported": sorted(
            {
                "acr", "address", "amr", "at_hash", "aud", "auth_time", "cognito:groups", "cognito:username", "email",
                "email_verified", "exp", "iat", "iss", "jti", "nonce", "origin_jti", "phone_number",
                "phone_number_verified", "sid", "sub", "token_use",
                *PROFILE_CLAIMS,
            }
        ),
    }  # fmt: skip


async def openid_configuration(request: Request) -> Response:
    """The metadata, one document at both places (OpenID Connect Discovery §4, RFC 8414 §3)."""
    services: Services = request.app.state.services
    levels = second_factor.levels(services.settings)
    told = metadata(
        services.settings.issuer,
        signing_algorithms(services),
        levels,
        registration=services.registration_is_open(),
    )
    body = orjson.dumps(told)
    return Response(body, 200, {"Cache-Control": "public, max-age=3600", **CORS}, "application/json")


async def jwks(request: Request) -> Response:
    """The public keys (RFC 7517 §5), prebuilt. Verifiers look keys up by `kid` and come again for an unknown one."""
    services: Services = request.app.state.services
    headers = {"Cache-Control": "public, max-age=300", "ETag": services.keys.etag, **CORS}
    if services.keys.etag in request.headers.get("if-none-match", ""):  # one of several, or weakened on the way
        return Response(None, 304, headers)
    return Response(services.keys.jwks, 200, headers, "application/json")
