"""`POST /oauth2/par`."""

from development.openapi.authorize import PARAMETERS
from development.openapi.words import (
    CHALLENGE,
    CLIENT,
    CREDENTIALS,
    DPOP,
    FORM_REFUSED,
    NO_STORE,
    PROOF,
    RETRY_AFTER,
    UNAVAILABLE,
    Described,
    error,
    form,
    members,
    text,
)

PUSHED: Described = {
    "type": "object",
    "required": ["request_uri", "expires_in"],
    "properties": {
        "request_uri": text(
            "For one authorization request of this client.", pattern="^urn:ietf:params:oauth:request_uri:"
        ),
        "expires_in": {"type": "integer", "minimum": 5, "maximum": 600, "description": "Seconds."},
    },
}

PAR: Described = {
    "post": {
        "operationId": "par",
        "summary": "Leave an authorization request here and get a reference to it (RFC 9126)",
        "security": CLIENT,
        "parameters": [DPOP],
        "requestBody": form(
            members(
                [],
                **{name: schema for name, schema in PARAMETERS.items() if name not in (*CREDENTIALS, "request_uri")},
                **CREDENTIALS,
            )
        ),
        "responses": {
            "201": {
                "description": "It is kept.",
                "headers": NO_STORE,
                "content": {"application/json": {"schema": PUSHED}},
            },
            "400": error(
                "What the authorization endpoint would have refused.",
                "invalid_request",
                "invalid_request_object",
                "invalid_scope",
                "invalid_target",
                "request_not_supported",
                "request_uri_not_supported",
                "unauthorized_client",
                "unsupported_response_type",
                *PROOF,
            ),
            "401": error("The client did not prove who it is.", "invalid_client", headers=CHALLENGE),
            **FORM_REFUSED,
            "429": error(
                "Too many from this network, for a public client.", "temporarily_unavailable", headers=RETRY_AFTER
            ),
            "503": UNAVAILABLE,
        },
    }
}
