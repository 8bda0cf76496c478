"""`GET` and `POST /oauth2/authorize`: for browsers, which a program sends there."""

from typing import Any

from authserver.oauth.redirects import RESPONSE_MODES
from development.openapi.words import RETRY_AFTER, Described, form, header, members, page, text

#: RFC 6749 §4.1.1 and what extends it; what is not listed is ignored
PARAMETERS: dict[str, Described] = {
    "client_id": text("Who asks."),
    "response_type": text("Always `code`.", enum=["code"]),
    "redirect_uri": text("Registered, letter for letter. Required with `openid`, or where several are registered."),
    "scope": text("Separated by spaces; all that the client may ask for where it is missing."),
    "state": text("Comes back as it is; at most 8192 characters."),
    "nonce": text("Comes back in the ID token; at most 4096 characters."),
    "code_challenge": text("RFC 7636 §4.3."),
    "code_challenge_method": text("With a challenge; `plain` is refused.", enum=["S256"]),
    "response_mode": text("How the answer comes back; Cognito's way is `query`.", enum=list(RESPONSE_MODES)),
    "prompt": text("Of `login`, `consent`, `select_account`, separated by spaces; or `none`."),
    "max_age": text("Seconds since the sign-in, at most.", pattern=r"^[0-9]{1,9}$"),
    "login_hint": text("An address or user name that the sign-in page begins with."),
    "id_token_hint": text("An ID token of ours: who is expected."),
    "acr_values": text("Levels of proof, the best first (docs/adr/0017)."),
    "resource": text("Where the access token goes, an absolute URI (RFC 8707 §2).", format="uri"),
    "claims": text("Claims one by one, as JSON (OpenID Connect Core §5.5); at most 4096 characters."),
    "dpop_jkt": text("Thumbprint of the key that the code shall be bound to (RFC 9449 §10)."),
    "request": text("All of this in one JWT that the client has signed (RFC 9101): nothing beside it counts."),
    "request_uri": text("What `/oauth2/par` gave (RFC 9126); nothing is fetched."),
    "ui_locales": text("Languages, the best first."),
    "lang": text("One language, as Cognito takes it."),
}
REQUIRED = ("client_id",)  # and `response_type`, where it is in no `request` and was not pushed

LOCATION = {
    "Location": header(
        "A page of ours; or the client's redirect URI with `code`, or `error`, and `state` and `iss` (RFC 9207).",
        required=True,
        format="uri",
    )
}

ANSWERS: Described = {
    "200": page("With `response_mode=form_post`: a form that the browser sends to the client at once."),
    "303": {"description": "On, in the browser.", "headers": LOCATION},
    "400": page("Client or redirect URI are not known: nothing goes to anybody's address."),
    "414": page("The query is over 64 KiB."),
    "429": page("Too many sign-ins were begun from this network address.", **RETRY_AFTER),
    "503": page("Trouble of the server's own, or too many people at once.", **RETRY_AFTER),
}


def _in_query(name: str, schema: Described) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": name in REQUIRED, "schema": schema}


AUTHORIZE: Described = {
    "get": {
        "operationId": "authorize",
        "summary": "Sign a person in and ask them (RFC 6749 §4.1.1)",
        "security": [],
        "parameters": [_in_query(name, schema) for name, schema in PARAMETERS.items()],
        "responses": ANSWERS,
    },
    "post": {
        "operationId": "authorizeByPost",
        "summary": "The same with a form (OpenID Connect Core §3.1.2.1)",
        "security": [],
        "requestBody": form(members(list(REQUIRED), **PARAMETERS)),
        "responses": {name: answer for name, answer in ANSWERS.items() if name != "414"}
        | {"413": page("The body is over 64 KiB."), "415": page("The body is no form.")},
    },
}
