"""`POST /oauth2/introspect`."""

from development.openapi.words import (
    CHALLENGE,
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

STATE: Described = {
    "type": "object",
    "required": ["active"],
    "properties": {"active": {"type": "boolean", "description": "False for all that is not this client's business."}},
}

INTROSPECT: Described = {
    "post": {
        "operationId": "introspect",
        "summary": "What a token is good for now (RFC 7662)",
        "security": [{"client_secret_basic": []}, {}],
        "requestBody": form(
            members(
                ["token"],
                token=text("The access or refresh token."),
                token_type_hint=text("Not needed: tokens tell what they are."),
                **CREDENTIALS,
            )
        ),
        "responses": {
            "200": {
                "description": "With `Accept: application/token-introspection+jwt`, or by the client's policy, signed.",
                "headers": NO_STORE,
                "content": {
                    "application/json": {"schema": STATE},
                    "application/token-introspection+jwt": {"schema": {"type": "string"}},
                },
            },
            "400": error("RFC 6749 §5.2.", "invalid_request", "unauthorized_client"),
            "401": error("The client did not prove who it is.", "invalid_client", headers=CHALLENGE),
            **FORM_REFUSED,
            "503": UNAVAILABLE,
        },
    }
}
