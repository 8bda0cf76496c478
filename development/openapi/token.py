"""`POST /oauth2/token`."""

from authserver.oauth.server import GRANT_TYPES
from development.openapi.words import (
    CHALLENGE,
    CLIENT,
    CREDENTIALS,
    DPOP,
    FORM_REFUSED,
    NO_STORE,
    NONCE,
    PROOF,
    UNAVAILABLE,
    Described,
    error,
    form,
    members,
    text,
)

#: by `grant_type`: what else the form holds
GRANTS: dict[str, Described] = {
    "authorization_code": members(
        ["grant_type", "code"],
        grant_type=text("RFC 6749 §4.1.3.", const="authorization_code"),
        code=text("From the redirect; for one use."),
        redirect_uri=text("The same as in the authorization request, where it was named there."),
        code_verifier=text("RFC 7636 §4.5, where there was a `code_challenge`."),
        **CREDENTIALS,
    ),
    "refresh_token": members(
        ["grant_type", "refresh_token"],
        grant_type=text("RFC 6749 §6.", const="refresh_token"),
        refresh_token=text("The newest one, for clients whose refresh tokens rotate."),
        scope=text("Less than was granted, for this answer."),
        **CREDENTIALS,
    ),
    "client_credentials": members(
        ["grant_type"],
        grant_type=text("RFC 6749 §4.4.2.", const="client_credentials"),
        scope=text("All that the client may ask for where it is missing."),
        resource=text("Where the access token goes (RFC 8707 §2).", format="uri"),
        **CREDENTIALS,
    ),
    "urn:ietf:params:oauth:grant-type:device_code": members(
        ["grant_type", "device_code"],
        grant_type=text("RFC 8628 §3.4.", const="urn:ietf:params:oauth:grant-type:device_code"),
        device_code=text("Asked for again and again, no faster than `interval` says."),
        **CREDENTIALS,
    ),
    "urn:ietf:params:oauth:grant-type:token-exchange": members(
        ["grant_type", "subject_token", "subject_token_type"],
        grant_type=text("RFC 8693 §2.1.", const="urn:ietf:params:oauth:grant-type:token-exchange"),
        subject_token=text("The access token to exchange."),
        subject_token_type=text("What it is.", examples=["urn:ietf:params:oauth:token-type:access_token"]),
        actor_token=text("Who acts, where somebody does."),
        actor_token_type=text("What that is."),
        requested_token_type=text("What is wanted."),
        audience=text("Where the new token goes, by name."),
        resource=text("Where the new token goes, an absolute URI.", format="uri"),
        scope=text("At most what the subject token has."),
        **CREDENTIALS,
    ),
}

ISSUED: Described = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": text("A JWT: docs/token-profile.md."),
        "token_type": text("How it is presented.", enum=["Bearer", "DPoP"]),
        "expires_in": {"type": "integer", "minimum": 60, "description": "Seconds."},
        "refresh_token": text("Opaque."),
        "id_token": text("A JWT, with scope `openid`; on a refresh where the client's policy says so."),
        "scope": text("What was granted."),
        "issued_token_type": text("What was made of a token that was exchanged (RFC 8693 §2.2.1)."),
    },
}

TOKEN: Described = {
    "post": {
        "operationId": "token",
        "summary": "Exchange a code, a refresh token or what else a client holds, for tokens (RFC 6749 §3.2)",
        "security": CLIENT,
        "parameters": [DPOP],
        "requestBody": form({"oneOf": [GRANTS[name] for name in GRANT_TYPES]}),
        "responses": {
            "200": {
                "description": "The tokens.",
                "headers": NO_STORE | NONCE,
                "content": {"application/json": {"schema": ISSUED}},
            },
            "400": error(
                "RFC 6749 §5.2.",
                "invalid_request",
                "invalid_grant",
                "unauthorized_client",
                "unsupported_grant_type",
                "invalid_scope",
                "invalid_target",
                "authorization_pending",
                "slow_down",
                "expired_token",
                "access_denied",
                *PROOF,
                headers=NONCE,
            ),
            "401": error("The client did not prove who it is.", "invalid_client", headers=CHALLENGE),
            **FORM_REFUSED,
            "503": UNAVAILABLE,
        },
    }
}
