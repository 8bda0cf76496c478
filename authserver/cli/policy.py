"""The options that set a client's policy: one for each column that an operator may set, the same in all commands."""

import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from authserver.oauth.client_rules import GRANT_TYPES, SECONDS
from authserver.oauth.grants import device_code
from authserver.oauth.presets import TOKEN_EXCHANGE

#: empty: what the column's option says of `default`
ALGORITHM_COLUMNS = ("id_token_signing_alg", "userinfo_signing_alg", "introspection_signing_alg")
#: what the word `default` becomes: the column is emptied, and the server's setting holds
DEFAULT = "default"
#: grant types whose name nobody types
GRANT_TYPES_BY_WORD = {"device_code": device_code.GRANT_TYPE, "token_exchange": TOKEN_EXCHANGE}
REMEMBERED = "remembered"  # how an empty `consent` is called
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> str:
    """`3600`, `90m`, `1h`, `400d` as seconds in digits; `default` stays."""
    if text.strip().lower() == DEFAULT:
        return DEFAULT
    found = re.fullmatch(r"([0-9]{1,10})([smhd]?)", text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"{text!r} is neither seconds, nor 15m, 1h, 400d, nor {DEFAULT}")
    return str(int(found[1]) * UNITS[found[2]])


def word_of(grant_type: str) -> str:
    """What is typed for it."""
    return next((word for word, name in GRANT_TYPES_BY_WORD.items() if name == grant_type), grant_type)


def _lifetime(words: str) -> Any:
    return Annotated[
        str | None, typer.Option(parser=seconds, metavar="SECONDS", help=f"{words} Also 15m, 1h, 400d, or `{DEFAULT}`.")
    ]


def _switch(names: str, words: str) -> Any:
    return Annotated[bool | None, typer.Option(names, help=words, show_default=False)]


def _alg(words: str) -> Any:
    return Annotated[str | None, typer.Option(metavar="ALG", help=words)]


#: column of `Client` -> its option
POLICY: dict[str, Any] = {
    "first_party": _switch("--first-party/--third-party", "Your own application: people are not asked for consent."),
    "consent": Annotated[
        str | None,
        typer.Option(
            metavar="always|remembered",
            help="Ask people each time, or once for the same permissions; Alexa's clients always ask.",
        ),
    ],
    "require_pkce": _switch("--require-pkce/--no-require-pkce", "Refuse authorization requests without PKCE (S256)."),
    "dpop_bound_access_tokens": _switch(
        "--require-dpop/--no-require-dpop", "Refuse token requests without a DPoP proof (RFC 9449)."
    ),
    "signing_alg": Annotated[str | None, typer.Option(help="RS256, ES256 or EdDSA: how its tokens are signed.")],
    "audience": Annotated[
        str | None,
        typer.Option(help="`aud` of its access tokens: the resource server that shall take them; '' for none."),
    ],
    "id_token_signing_alg": _alg("How its ID tokens are signed; `default`: as its access tokens."),
    "userinfo_signing_alg": _alg("userInfo answers with a JWT signed so; `default`: with JSON."),
    "introspection_signing_alg": _alg("Introspection always answers with a JWT signed so; `default`: where asked for."),
    "token_claims": Annotated[
        str | None,
        typer.Option(
            metavar="JSON", help='Claims of its tokens besides the protocol\'s: {"access": {...}, "id": {...}}, or {}.'
        ),
    ],
    "subject_type": Annotated[
        str | None,
        typer.Option(
            metavar="public|pairwise",
            help="Whether it knows people by the same `sub` as others; only while none is linked.",
        ),
    ],
    "sector_identifier": Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            help="Clients of one sector share pairwise subjects. By default the host of the redirect URIs; an app "
            "whose redirect URIs are on loopback or of its own scheme shares with none.",
        ),
    ],
    "introspects": Annotated[
        list[str] | None,
        typer.Option(
            "--introspects",
            metavar="AUDIENCE",
            help="It is the resource server of this `aud` and may introspect such tokens of all clients; repeat for "
            "each, '' for none. Its own tokens every confidential client may.",
        ),
    ],
    "revoke_access_tokens": _switch(
        "--revoke-access-tokens/--no-revoke-access-tokens",
        "Whether an access token can be revoked alone; otherwise Cognito's `unsupported_token_type`.",
    ),
    "grant_types": Annotated[
        list[str] | None,
        typer.Option(
            "--grant-type",
            metavar="NAME",
            help=f"One of {', '.join(map(word_of, GRANT_TYPES))}; the whole list, repeat for each.",
        ),
    ],
    "resources": Annotated[
        list[str] | None,
        typer.Option(
            "--resource",
            metavar="IDENTIFIER",
            help="A resource server that it may ask tokens for; the whole list, repeat for each, '' for any.",
        ),
    ],
    "exchange_from": Annotated[
        list[str] | None,
        typer.Option(
            "--exchange-from",
            metavar="CLIENT_ID",
            help="A client whose access tokens it may exchange for its own; the whole list, repeat for each, '' for "
            "none.",
        ),
    ],
    "token_endpoint_auth_methods": Annotated[
        list[str] | None,
        typer.Option(
            "--auth-method", help="client_secret_basic, client_secret_post, private_key_jwt; repeat for each."
        ),
    ],
    "jwks": Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Its public keys: a file with a JSON Web Key Set, - for stdin; '' for none."),
    ],
    "jwks_uri": Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where its public keys are fetched, in place of --jwks; '' for none."),
    ],
    "require_pushed_authorization_requests": _switch(
        "--require-pushed-requests/--no-require-pushed-requests", "Refuse authorization requests that were not pushed."
    ),
    "require_signed_request_object": _switch(
        "--require-signed-requests/--no-require-signed-requests", "Refuse authorization requests without its signature."
    ),
    "response_modes": Annotated[
        list[str] | None, typer.Option("--response-mode", help="query, form_post; repeat for each. Or `all`.")
    ],
    "default_max_age": _lifetime("Requests without max_age want a sign-in no older than this."),
    "access_token_lifetime": _lifetime("Lifetime of access tokens; at least 360 for Alexa."),
    "id_token_lifetime": _lifetime("Lifetime of ID tokens."),
    "authorization_code_lifetime": _lifetime("How long a code may be used."),
    "code_retry_window": _lifetime("How long after its first use a code's second use is taken for a retry."),
    "refresh_rotation": _switch("--rotation/--no-rotation", "Each refresh gives a new refresh token."),
    "refresh_rotation_grace": _lifetime("How long a rotated token's predecessor gives the same successor again."),
    "refresh_idle_lifetime": _lifetime("A refresh token ends when unused for so long."),
    "refresh_absolute_lifetime": _lifetime("A refresh token ends so long after the sign-in."),
    "refresh_id_token": _switch("--refresh-id-token/--no-refresh-id-token", "A refresh also gives a new ID token."),
    "refresh_with_session": _switch(
        "--refresh-with-session/--refresh-offline",
        "Its refresh tokens end when the person signs out of this server, or the browser's session ends.",
    ),
    "post_logout_redirect_uris": Annotated[
        list[str] | None,
        typer.Option("--logout-uri", help="Where people may go after signing out, the whole list anew; '' for none."),
    ],
    "backchannel_logout_uri": Annotated[
        str | None, typer.Option(help="Where it is told that somebody signed out (back-channel logout); '' for none.")
    ],
    "backchannel_logout_session_required": _switch(
        "--backchannel-session/--no-backchannel-session", "It is told of single sessions, never of a person alone."
    ),
    "userinfo_all_attributes": _switch(
        "--userinfo-all/--userinfo-by-scope", "Cognito's userInfo: `openid` alone gives every attribute."
    ),
    "userinfo_string_booleans": _switch(
        "--userinfo-string-booleans/--userinfo-booleans", "Cognito's userInfo: booleans as strings."
    ),
}


def takes_policy(command: Callable[..., None]) -> Callable[..., None]:
    """Gives `command` an option for every entry of `POLICY`; those that were given arrive in its argument `policy`."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "policy"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in POLICY.items()
    ]

    def with_policy(**given: Any) -> None:
        policy = {name: _value(name, given[name]) for name in POLICY if given[name] not in (None, [])}
        command(policy=policy, **{name: value for name, value in given.items() if name not in POLICY})

    made: Any = with_policy
    made.__name__, made.__doc__ = command.__name__, command.__doc__
    made.__signature__ = signature.replace(
        parameters=[parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *options)]
    )
    made.__annotations__ = {}
    return with_policy


def _claims(text: str) -> dict[str, Any]:
    try:
        claims = orjson.loads(text)
        orjson.dumps(json.loads(text))  # refuses whole numbers beyond 64 bits, which were just made other numbers
    except (ValueError, TypeError, RecursionError) as error:
        raise typer.BadParameter("is not JSON that a token can hold", param_hint="--token-claims") from error
    if not isinstance(claims, dict):
        raise typer.BadParameter("is not a JSON object", param_hint="--token-claims")
    return claims


def _key_set(path: str) -> Any:
    """What is in it is judged where the client is (`oauth.request_policy`)."""
    try:
        found = orjson.loads(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
        return {} if found is None else found  # `null` is no set, and empties nothing
    except (OSError, orjson.JSONDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no JSON"
        raise typer.BadParameter(f"{path}: {reason}", param_hint="--jwks") from error


def _value(name: str, given: Any) -> Any:
    if name in SECONDS:
        if given == DEFAULT:
            return 0 if name == "code_retry_window" else None
        return int(given)
    if name in ("audience", "sector_identifier", "backchannel_logout_uri", "jwks_uri"):
        return given or None
    if name in ALGORITHM_COLUMNS:
        return None if given == DEFAULT else given
    if name in ("resources", "exchange_from", "post_logout_redirect_uris", "introspects"):
        return [one for one in given if one]
    if name == "grant_types":
        return [GRANT_TYPES_BY_WORD.get(grant_type, grant_type) for grant_type in given]
    if name == "token_claims":
        return _claims(given)
    if name == "jwks":
        return _key_set(given) if given else None
    if name == "response_modes":
        return None if given == ["all"] else given
    if name == "consent":
        return None if given == REMEMBERED else given
    return given
