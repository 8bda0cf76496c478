"""What the server says of itself: metadata and keys, at `/.well-known/…`; and whether it is well."""

from typing import Any

from development.openapi.words import RETRY_AFTER, UNAVAILABLE, Described, header

OPEN = {"Access-Control-Allow-Origin": header("Readable from any origin.", required=True, const="*")}

URL: Described = {"type": "string", "format": "uri"}
WORDS: Described = {"type": "array", "items": {"type": "string"}, "minItems": 1}
YES: Described = {"type": "boolean"}

#: every server has them; the rest stands there where the feature is on
REQUIRED = (
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint",
    "response_types_supported", "grant_types_supported", "subject_types_supported", "scopes_supported",
    "id_token_signing_alg_values_supported", "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported", "authorization_response_iss_parameter_supported",
)  # fmt: skip

#: the kind of a value follows from its name (RFC 8414 §2, OpenID Connect Discovery §3, and what extends them)
KINDS: tuple[tuple[str, Described], ...] = (
    (r"^(issuer|jwks_uri|service_documentation|op_policy_uri|op_tos_uri)$", URL),
    (r"_endpoint$", URL),
    (r"^require_", YES),
    (r"_parameter_supported$|logout_(session_)?supported$", YES),
    (r"(types|modes|values|methods|locales)_supported$|^(scopes|claims|alg_values)_supported$", WORDS),
)

METADATA_SCHEMA: Described = {
    "type": "object",
    "required": list(REQUIRED),
    "patternProperties": dict(KINDS),
    "additionalProperties": False,
}

JWK: Described = {
    "type": "object",
    "required": ["kty", "kid", "use", "alg"],
    "properties": {
        "kty": {"enum": ["RSA", "EC", "OKP"]},
        "use": {"const": "sig"},
        "kid": {"type": "string"},
        "alg": {"enum": ["RS256", "ES256", "EdDSA"]},
        **{part: {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"} for part in ("n", "e", "x", "y")},
        "crv": {"enum": ["P-256", "Ed25519"]},
    },
    "additionalProperties": False,  # no private part, above all
}


def _read(operation: str, summary: str, schema: Described, **more: Any) -> Described:
    answer = {
        "description": "What it is now; may be kept as long as it says.",
        "headers": OPEN | {"Cache-Control": header("How long.", required=True, pattern="^public, max-age=")},
        "content": {"application/json": {"schema": schema}},
    }
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "security": [],
            "responses": {"200": answer, "503": UNAVAILABLE},
        }
        | more
    }


OPENID_CONFIGURATION = _read("openidConfiguration", "Metadata (OpenID Connect Discovery §4)", METADATA_SCHEMA)
OAUTH_METADATA = _read("oauthMetadata", "The same document (RFC 8414 §3)", METADATA_SCHEMA)

JWKS = _read(
    "jwks",
    "Public keys (RFC 7517 §5); come again for an unknown `kid`",
    {
        "type": "object",
        "required": ["keys"],
        "properties": {"keys": {"type": "array", "items": JWK, "minItems": 1}},
        "additionalProperties": False,
    },
    parameters=[
        {"name": "If-None-Match", "in": "header", "description": "The last `ETag`.", "schema": {"type": "string"}}
    ],
)
JWKS["get"]["responses"]["200"]["headers"]["ETag"] = header("Changes with the keys.", required=True)
JWKS["get"]["responses"]["304"] = {"description": "They are as they were."}


def _health(operation: str, summary: str, well: str, **more: Any) -> Described:
    schema = {"type": "object", "required": ["status"], "properties": {"status": {"const": well}}}
    answer = {"description": "It is.", "content": {"application/json": {"schema": schema}}}
    return {"get": {"operationId": operation, "summary": summary, "security": [], "responses": {"200": answer} | more}}


HEALTHZ = _health("healthz", "Whether the process answers", "alive")
READYZ = _health(
    "readyz",
    "Whether it can serve",
    "ready",
    **{
        "503": {
            "description": "Not yet, and why.",
            "headers": RETRY_AFTER,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["status", "reason"],
                        "properties": {"status": {"const": "not ready"}, "reason": {"type": "string"}},
                    }
                }
            },
        }
    },
)
