"""`POST /oauth2/revoke`."""

from development.openapi.words import (
    CHALLENGE,
    CLIENT,
    CREDENTIALS,
    FORM_REFUSED,
    NO_STORE,
    UNAVAILABLE,
    Described,
    error,
    form,
    members,
    text,
)

REVOKE: Described = {
    "post": {
        "operationId": "revoke",
        "summary": "End a refresh token and what came of it (RFC 7009)",
        "security": CLIENT,
        "requestBody": form(
            members(
                ["token"],
                token=text("The refresh token."),
                token_type_hint=text("Not needed: tokens tell what they are.", examples=["refresh_token"]),
                **CREDENTIALS,
            )
        ),
        "responses": {
            "200": {"description": "It is valid no longer, or never was. Empty.", "headers": NO_STORE},
            "400": error("RFC 7009 §2.2.1.", "invalid_request", "unsupported_token_type"),
            "401": error("The client did not prove who it is.", "invalid_client", headers=CHALLENGE),
            **FORM_REFUSED,
            "503": UNAVAILABLE,
        },
    }
}
