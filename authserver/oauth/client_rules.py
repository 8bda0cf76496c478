"""What may stand in the registry of clients: what is wrong with one, in the operator's words."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from authserver.models import Client
from authserver.oauth import consents, token_rules
from authserver.oauth.client_auth import CONFIDENTIAL_METHODS, SECRET_METHODS
from authserver.oauth.grants import device_code
from authserver.oauth.keys import ALGORITHMS, LONGEST_TOKEN
from authserver.oauth.presets import ALEXA_SHORTEST_ACCESS_TOKEN, CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from authserver.oauth.redirects import registration_problem
from authserver.oauth.request_policy import key_problems, request_problems

MOST_REDIRECT_URIS = 100
MOST_SCOPES = 50
MOST_NAMED = 100  # resources, or clients whose tokens it exchanges
GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    CLIENT_CREDENTIALS,
    TOKEN_EXCHANGE,
    device_code.GRANT_TYPE,
)
OF_LINKS = frozenset({"authorization_code", "refresh_token"})
OF_SECRETS = frozenset({CLIENT_CREDENTIALS, TOKEN_EXCHANGE})  # only who authenticates may use them
SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,256}")  # RFC 6749 §3.3

#: columns that hold seconds: the least and the most that may be set
SECONDS: dict[str, tuple[int, int]] = {
    "access_token_lifetime": (60, LONGEST_TOKEN),
    "id_token_lifetime": (60, LONGEST_TOKEN),
    "authorization_code_lifetime": (10, 600),
    "code_retry_window": (0, 60),
    "default_max_age": (0, 999_999_999),
    "refresh_rotation_grace": (0, 60),
    "refresh_idle_lifetime": (3600, 100 * 365 * 86_400),
    "refresh_absolute_lifetime": (3600, 100 * 365 * 86_400),
}


def problems(client: Client) -> list[str]:
    """Everything that is wrong with this client, in the operator's words; [] when it may be registered."""
    checks: tuple[Callable[[Client], list[str]], ...] = (
        _name_problems,
        _redirect_problems,
        _scope_problems,
        _resource_problems,
        _consent_problems,
        _authentication_problems,
        key_problems,
        request_problems,
        _token_problems,
        *token_rules.CHECKS,
        _seconds_problems,
        _logout_problems,
        _alexa_problems,
    )
    return [problem for check in checks for problem in check(client)]


def _name_problems(client: Client) -> list[str]:
    """Shown on the consent page and in mails: one line of text."""
    if not (client.client_name.strip() and len(client.client_name) <= 128 and client.client_name.isprintable()):
        return ["the name must have 1 to 128 printable characters"]
    return []


def _redirect_problems(client: Client) -> list[str]:
    found = [
        f"redirect URI {uri!r} {problem}" for uri in client.redirect_uris if (problem := registration_problem(uri))
    ]
    if not client.redirect_uris and "authorization_code" in client.grant_types:
        found.append("at least one redirect URI is needed")
    if len(client.redirect_uris) > MOST_REDIRECT_URIS:
        found.append(f"at most {MOST_REDIRECT_URIS} redirect URIs are possible")
    return found


def _scope_problems(client: Client) -> list[str]:
    found = [f"scope {scope!r} is not a scope token" for scope in client.scopes if not SCOPE_TOKEN.fullmatch(scope)]
    if not 0 < len(client.scopes) <= MOST_SCOPES:
        found.append(f"1 to {MOST_SCOPES} scopes are needed")
    if len(" ".join(client.scopes)) > consents.LONGEST:
        found.append(f"all scopes together may have {consents.LONGEST} characters")
    return found


def _resource_problems(client: Client) -> list[str]:
    found = []
    for name in ("resources", "exchange_from"):
        if len(getattr(client, name)) > MOST_NAMED:
            found.append(f"at most {MOST_NAMED} {name.replace('_', ' ')} are possible")
    return found


def _consent_problems(client: Client) -> list[str]:
    return [] if client.consent in (None, consents.ALWAYS) else ["consent is asked for always, or remembered"]


def _authentication_problems(client: Client) -> list[str]:
    """RFC 9700 §2.1.1 and §2.2.2: without a secret, PKCE and rotation take its place."""
    methods = client.token_endpoint_auth_methods
    found = []
    if methods == ["none"]:
        if OF_SECRETS & set(client.grant_types):
            found.append(f"a public client has no secret that {' and '.join(sorted(OF_SECRETS))} could rest on")
        if not client.require_pkce:
            found.append("a public client must use PKCE (RFC 9700 §2.1.1)")
        if not client.refresh_rotation:
            found.append("refresh tokens of a public client must rotate (RFC 9700 §2.2.2)")
    elif not methods or not set(methods) <= set(CONFIDENTIAL_METHODS):
        found.append(f"authentication is by one or more of {', '.join(CONFIDENTIAL_METHODS)}")
    if not client.grant_types or not set(client.grant_types) <= set(GRANT_TYPES):
        found.append(f"grant types are of {', '.join(GRANT_TYPES)}")
    return found


def _token_problems(client: Client) -> list[str]:
    found = []
    if not token_rules.algorithms(client) <= set(ALGORITHMS):
        found.append(f"signing algorithms are of {', '.join(ALGORITHMS)}")
    audience = client.audience
    if audience == client.client_id:
        found.append("the audience is the resource server, never the client's id")
    if audience is not None and not (0 < len(audience) <= 2000 and audience.isascii() and audience.isprintable()):
        found.append("the audience must be 1 to 2000 printable ASCII characters, such as https://api.example.org")
    return found


def _seconds_problems(client: Client) -> list[str]:
    found = []
    for name, (least, most) in SECONDS.items():
        value = getattr(client, name)
        if value is not None and not least <= value <= most:
            found.append(f"{name.replace('_', ' ')} must be {least} to {most} seconds")
    return found


def _logout_problems(client: Client) -> list[str]:
    """OpenID Connect RP-Initiated Logout 1.0 §3.1, Back-Channel Logout 1.0 §2.2."""
    uris = client.post_logout_redirect_uris
    found = [f"logout URI {uri!r} {problem}" for uri in uris if (problem := registration_problem(uri))]
    if len(uris) > MOST_REDIRECT_URIS:
        found.append(f"at most {MOST_REDIRECT_URIS} logout URIs are possible")
    told = client.backchannel_logout_uri
    if told is not None:
        problem = registration_problem(told)
        if problem is None and urlsplit(told).scheme not in ("https", "http"):
            problem = "must be https"
        if problem:
            found.append(f"back-channel logout URI {told!r} {problem}")
    elif client.backchannel_logout_session_required:
        found.append("a session is named to a client with a back-channel logout URI only")
    if client.refresh_with_session and device_code.GRANT_TYPE in client.grant_types:
        found.append("refresh tokens that end with the browser's session are not for devices, which are in none")
    return found


def _alexa_problems(client: Client) -> list[str]:
    """contracts/alexa.md section 0; the consent page is what tells a person of a link that somebody else prepared
    (contracts/security.md 6.61)."""
    if client.preset != "alexa":
        return []
    found = []
    if client.access_token_lifetime is not None and client.access_token_lifetime < ALEXA_SHORTEST_ACCESS_TOKEN:
        found.append(
            f"access tokens of an Alexa client must live at least {ALEXA_SHORTEST_ACCESS_TOKEN} seconds; Alexa refuses "
            "shorter ones"
        )
    if set(client.grant_types) != OF_LINKS:
        found.append(
            "an Alexa client has the grant types authorization_code and refresh_token: without the second the link "
            "ends within the hour"
        )
    if not has_secrets(client):
        found.append("an Alexa client has a secret: Amazon demands one")
    if client.subject_type != "public":
        found.append("an Alexa client has public subjects: lamps are stored under the sub that the skill sees")
    if client.dpop_bound_access_tokens:
        found.append("Alexa sends no DPoP proofs: with tokens that need one every link would fail")
    if client.first_party or client.consent != consents.ALWAYS:
        found.append(
            "an Alexa client asks for consent at every linking: somebody else's link, followed by a person who is "
            "signed in, would otherwise link that person's lamps without a word"
        )
    if client.refresh_with_session or client.backchannel_logout_uri:
        found.append("an Alexa client's link outlives every session: signing out must not end it")
    return found


def has_secrets(client: Client) -> bool:
    """Whether it may authenticate with one."""
    return bool(set(SECRET_METHODS) & set(client.token_endpoint_auth_methods))
