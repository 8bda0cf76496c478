"""`GET` and `POST /oauth2/userInfo`."""

from development.openapi.words import (
    CHALLENGE,
    DPOP,
    NO_STORE,
    NONCE,
    PROOF,
    UNAVAILABLE,
    Described,
    error,
    members,
    text,
)

EITHER: Described = {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]}  # Cognito's way: by the client

CLAIMS: Described = {
    "type": "object",
    "required": ["sub", "username"],
    "properties": {
        "sub": text("Who it is, for good."),
        "username": text("As in the access token."),
        "email": text("With scope `email`."),
        "email_verified": EITHER,
        "phone_number": text("With scope `phone`."),
        "phone_number_verified": EITHER,
    },
    "additionalProperties": True,  # what `profile` opens, and the owner's own attributes
}

ANSWERS: Described = {
    "200": {
        "description": "Claims by scope (OpenID Connect Core §5.4), as the account is now.",
        "headers": NO_STORE | NONCE,
        "content": {
            "application/json": {"schema": CLAIMS},
            "application/jwt": {"schema": {"type": "string"}},  # by the client's policy
        },
    },
    "400": error("The token is in two places, or the form cannot be read.", "invalid_request", headers=CHALLENGE),
    "401": error(
        "No token, or one that is expired, revoked or not ours.", "invalid_token", *PROOF, headers=CHALLENGE | NONCE
    ),
    "403": error("The token lacks the scope `openid`.", "insufficient_scope", headers=CHALLENGE),
    "503": UNAVAILABLE,
}

USERINFO: Described = {
    "get": {
        "operationId": "userInfo",
        "summary": "Claims about the person (OpenID Connect Core §5.3)",
        "security": [{"access_token": []}],
        "parameters": [DPOP],
        "responses": ANSWERS,
    },
    "post": {
        "operationId": "userInfoByPost",
        "summary": "The same; the token may stand in the form (RFC 6750 §2.2)",
        "security": [{"access_token": []}, {}],
        "parameters": [DPOP],
        "requestBody": {
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": members([], access_token=text("Where there is no header."))
                }
            }
        },
        "responses": ANSWERS | {"413": error("The body is over 64 KiB.", "invalid_request", headers=CHALLENGE)},
    },
}
