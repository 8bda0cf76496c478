"""`POST /oauth2/device_authorization`."""

from development.openapi.words import (
    CHALLENGE,
    CLIENT,
    CREDENTIALS,
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

WAITING: Described = {
    "type": "object",
    "required": ["device_code", "user_code", "verification_uri", "expires_in"],
    "properties": {
        "device_code": text("For the token endpoint."),
        "user_code": text("For the person, at `verification_uri`."),
        "verification_uri": text("A page of ours.", format="uri"),
        "verification_uri_complete": text("The same with the code in it, for a picture.", format="uri"),
        "expires_in": {"type": "integer", "minimum": 1, "description": "Seconds."},
        "interval": {"type": "integer", "minimum": 1, "description": "Seconds between two questions."},
    },
}

DEVICE: Described = {
    "post": {
        "operationId": "deviceAuthorization",
        "summary": "A code to wait with and one to show (RFC 8628 §3.1)",
        "security": CLIENT,
        "requestBody": form(
            members(
                [],
                scope=text("All that the client may ask for where it is missing."),
                resource=text("Where the access token goes (RFC 8707 §2).", format="uri"),
                acr_values=text("Levels of proof, the best first."),
                **CREDENTIALS,
            )
        ),
        "responses": {
            "200": {
                "description": "Both codes.",
                "headers": NO_STORE,
                "content": {"application/json": {"schema": WAITING}},
            },
            "400": error(
                "RFC 8628 §3.2.", "invalid_request", "invalid_scope", "invalid_target", "unauthorized_client", *PROOF
            ),
            "401": error("The client did not prove who it is.", "invalid_client", headers=CHALLENGE),
            **FORM_REFUSED,
            "429": error("Too many from this network.", "temporarily_unavailable", headers=RETRY_AFTER),
            "503": UNAVAILABLE,
        },
    }
}
