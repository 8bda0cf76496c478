"""`/oauth2/register`: registering a client, and managing what was registered."""

from typing import Any

from authserver.oauth.dynamic.metadata import LISTS, SWITCHES, TEXT
from development.openapi.words import CHALLENGE, NO_STORE, RETRY_AFTER, UNAVAILABLE, Described, error, header, text

#: RFC 7591 §2, OpenID Connect Registration §2, and what extends them; others are ignored
METADATA: Described = {
    **{name: {"type": "string", "maxLength": 2000} for name in sorted(TEXT)},
    **{name: {"type": "array", "items": {"type": "string"}, "maxItems": most} for name, most in LISTS.items()},
    **{name: {"type": "boolean"} for name in sorted(SWITCHES)},
    "default_max_age": {"type": "integer", "minimum": 0, "maximum": 999_999_999, "description": "Seconds."},
    "jwks": {"type": "object", "description": "Public keys (RFC 7517 §5); not beside `jwks_uri`."},
}

INFORMATION: Described = {
    "type": "object",
    "required": ["client_id", "registration_access_token", "registration_client_uri", "redirect_uris", "grant_types"],
    "properties": METADATA
    | {
        "client_id": text("For good."),
        "client_id_issued_at": {"type": "integer", "description": "Unix seconds."},
        "client_secret": text("When it is made, and never again."),
        "client_secret_expires_at": {"const": 0, "description": "Never."},
        "registration_access_token": text("For what stands at `registration_client_uri`."),
        "registration_client_uri": text("This client's registration.", format="uri"),
    },
    "additionalProperties": False,
}


def _body(properties: Described, required: list[str]) -> Described:
    schema = {"type": "object", "properties": properties, "required": required}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _information(words: str) -> Described:
    return {"description": words, "headers": NO_STORE, "content": {"application/json": {"schema": INFORMATION}}}


WHICH: dict[str, Any] = {"name": "client_id", "in": "query", "required": True, "schema": text("Which client.")}
UNPROVEN = error("The token is missing, over, or of another client.", "invalid_token", headers=CHALLENGE)
REFUSED: Described = {
    "400": error(
        "RFC 7591 §3.2.2.",
        "invalid_client_metadata",
        "invalid_redirect_uri",
        "invalid_request",
        "unapproved_software_statement",
    ),
    "401": UNPROVEN,
    "413": error("The body is over 64 KiB.", "invalid_request"),
    "415": error("The body is not application/json.", "invalid_request"),
    "429": error("Too many from this network.", "temporarily_unavailable", headers=RETRY_AFTER),
    "503": UNAVAILABLE,
}
MANAGED: Described = {
    "400": error("The query cannot be read.", "invalid_request"),
    "401": UNPROVEN,
    "413": error("The query is over 64 KiB.", "invalid_request"),
    "503": UNAVAILABLE,
}

REGISTER: Described = {
    "post": {
        "operationId": "register",
        "summary": "Register a client (RFC 7591 §3), while an initial access token holds",
        "security": [{"initial_access_token": []}],
        "requestBody": _body(METADATA, []),
        "responses": {
            "201": _information("What is registered: what is not in it is not."),
            "404": error("No initial access token holds.", "invalid_request"),
            **REFUSED,
        },
    },
    "get": {
        "operationId": "readRegistration",
        "summary": "What is registered (RFC 7592 §2.1)",
        "security": [{"registration_access_token": []}],
        "parameters": [WHICH],
        "responses": {"200": _information("As it is now, without the secret."), **MANAGED},
    },
    "put": {
        "operationId": "replaceRegistration",
        "summary": "All of it anew (RFC 7592 §2.2)",
        "security": [{"registration_access_token": []}],
        "parameters": [WHICH],
        "requestBody": _body(
            METADATA | {"client_id": text("The same."), "client_secret": text("If at all, the present one.")},
            ["client_id"],
        ),
        "responses": {"200": _information("As it is from now on."), **REFUSED},
    },
    "delete": {
        "operationId": "removeRegistration",
        "summary": "Remove the client, and end what was granted to it (RFC 7592 §2.3)",
        "security": [{"registration_access_token": []}],
        "parameters": [WHICH],
        "responses": {
            "204": {"description": "It is gone.", "headers": {"Cache-Control": header("Nobody keeps it.")}},
            **MANAGED,
        },
    },
}
