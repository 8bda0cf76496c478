"""What several endpoints have in common: errors, headers, forms, how a client authenticates."""

from typing import Any

from development.generate.oauth_errors import OAUTH_ERRORS

Described = dict[str, Any]

ISSUER = "https://auth.example.org"

#: how a client says who it is (RFC 6749 §2.3); `{}`: in the form, or nothing but a `client_id`
CLIENT: list[dict[str, list[str]]] = [{"client_secret_basic": []}, {}]

SECURITY_SCHEMES: Described = {
    "client_secret_basic": {
        "type": "http",
        "scheme": "basic",
        "description": "Client id and secret, each form-encoded first (RFC 6749 §2.3.1).",
    },
    "initial_access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "As `authserver registration-token issue` printed it.",
    },
    "registration_access_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "As the answer to a registration told it (RFC 7592 §3).",
    },
    "access_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "RFC 6750 §2.1."},
}

#: RFC 6749 §5.2: printable ASCII without quotes and backslashes; never the client's own text
DESCRIPTION: Described = {"type": "string", "pattern": r"^[\x20-\x21\x23-\x5B\x5D-\x7E]*$"}


def text(words: str, **more: Any) -> Described:
    return {"type": "string", "description": words} | more


def header(words: str, required: bool = False, **schema: Any) -> Described:
    return {"description": words, "schema": {"type": "string"} | schema} | ({"required": True} if required else {})


RETRY_AFTER = {"Retry-After": header("Seconds.", required=True, pattern=r"^\d+$")}
NO_STORE = {
    "Cache-Control": header("Nobody keeps it (RFC 6749 §5.1).", required=True, const="no-store"),
    "Access-Control-Allow-Origin": header("Readable from any origin.", required=True, const="*"),
}
CHALLENGE = {"WWW-Authenticate": header("RFC 9110 §11.6.1.", required=True)}


def error(words: str, *codes: str, headers: Described | None = None) -> Described:
    """One status with the `error` codes that it may carry, of those that docs/reference/errors.md explains."""
    schema = {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {"type": "string", "enum": sorted(set(codes) & set(OAUTH_ERRORS))},
            "error_description": DESCRIPTION,
        },
        "additionalProperties": False,
    }
    return {
        "description": words,
        "headers": NO_STORE | (headers or {}),
        "content": {"application/json": {"schema": schema}},
    }


#: what any form POST may be answered
FORM_REFUSED: dict[str, Described] = {
    "413": error("The body is over 64 KiB.", "invalid_request"),
    "415": error("The body is not application/x-www-form-urlencoded.", "invalid_request"),
}

UNAVAILABLE = error(
    "Trouble of the server's own: nothing is lost, try again.", "temporarily_unavailable", headers=RETRY_AFTER
)

#: the members of a form by which a client authenticates without a header
CREDENTIALS: Described = {
    "client_id": text("Who asks. Beside a Basic header it must say the same."),
    "client_secret": text(
        "The secret, for clients that send it in the body (`client_secret_post`).", format="password"
    ),
}


def form(schema: Described) -> Described:
    """Each parameter once; those that are not listed are ignored."""
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def members(required: list[str], **properties: Described) -> Described:
    return {"type": "object", "required": required, "properties": properties}


#: RFC 9449: the proof did not do, or a nonce is wanted first
PROOF = ("invalid_dpop_proof", "use_dpop_nonce")
DPOP: Described = {
    "name": "DPoP",
    "in": "header",
    "description": "A proof of the key that the tokens are, or shall be, bound to (RFC 9449 §4).",
    "schema": {"type": "string"},
}
NONCE = {"DPoP-Nonce": header("What the next proof must carry (RFC 9449 §8).")}

HTML: Described = {"text/html": {"schema": {"type": "string"}}}


def page(words: str, **headers: Described) -> Described:
    """For a person; it shows nothing of what was sent."""
    shown = {"Content-Security-Policy": header("No script or style but ours, no frame.", required=True)}
    return {"description": words, "headers": shown | headers, "content": HTML}
