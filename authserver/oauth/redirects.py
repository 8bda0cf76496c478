"""Authorization responses: the one way back to a client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from authserver.models import Client
from authserver.oauth.clients import RegisteredClient

#: OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth 2.0 Form Post Response Mode §2
RESPONSE_MODES = ("query", "form_post")
#: what an answer may hold: a registered query with one of them would make two
OF_ANSWERS = frozenset({"code", "error", "error_description", "error_uri", "iss", "state"})


@dataclass(frozen=True)
class Addressee:
    """The proof that the redirect URI is this client's: who holds one may redirect. Until then, only pages."""

    client: RegisteredClient
    redirect_uri: str
    sent: bool  # whether the request named the redirect URI (RFC 6749 §4.1.3)


@dataclass(frozen=True)
class FormPost:
    """The browser posts these to the client (`response_mode=form_post`); a page of ours makes it do so."""

    redirect_uri: str
    parameters: dict[str, str] = field(repr=False)


#: the URL that the browser is sent to, or what it is made to post
Reply = str | FormPost


def takes_forms(redirect_uri: str) -> bool:
    """A scheme of an application's own is opened, never posted to."""
    return urlsplit(redirect_uri).scheme in ("https", "http")


def allows_mode(client: Client, redirect_uri: str, mode: str) -> bool:
    """Whether this client may be answered so there."""
    if mode not in RESPONSE_MODES or (client.response_modes is not None and mode not in client.response_modes):
        return False
    return mode == "query" or takes_forms(redirect_uri)


def mode_of(to: Addressee, parameters: Mapping[str, str]) -> str:
    """How an answer goes to a request that is not validated yet: as it asks, where that is allowed."""
    mode = parameters.get("response_mode", "query")
    if to.client.row.preset == "alexa":  # takes no other, whatever a link was tampered with to say
        return "query"
    return mode if allows_mode(to.client.row, to.redirect_uri, mode) else "query"


def reply(
    redirect_uri: str, issuer: str, parameters: Mapping[str, str], answer: dict[str, str], mode: str | None = None
) -> Reply:
    """The answer to the request of these `parameters`, whose `state` it takes along, and `iss` (RFC 9207). `mode`:
    where the request is not validated yet; else as it says."""
    state = parameters.get("state")
    if (mode or parameters.get("response_mode")) == "form_post":
        return FormPost(redirect_uri, answer | ({"state": state} if state else {}) | {"iss": issuer})
    return response_uri(redirect_uri, issuer, state, answer)


def response_uri(redirect_uri: str, issuer: str, state: str | None, parameters: dict[str, str]) -> str:
    """The registered URI untouched, with `parameters`, `state` as it came and `iss` (RFC 9207) appended. A space is
    written `%20`, which every decoder understands, not `+`."""
    answer = dict(parameters)
    if state:
        answer["state"] = state
    answer["iss"] = issuer
    return with_query(redirect_uri, answer)


def with_query(uri: str, parameters: Mapping[str, str]) -> str:
    """These appended to a registered URI, whose own query, an empty one too, stays (RFC 6749 §3.1.2)."""
    return uri + ("&" if "?" in uri else "?") + urlencode(parameters, quote_via=quote)


def registration_problem(redirect_uri: str) -> str | None:
    """Why this URI cannot be registered, or None (RFC 9700 §4.1, contracts/security.md 6.5, 6.6, 6.71).

    https anywhere; http for loopback only; other schemes only in reverse-domain form (RFC 8252 §7.1).
    """
    if len(redirect_uri) > 1024 or any(not 0x21 <= ord(character) <= 0x7E for character in redirect_uri):
        return "must be printable ASCII without spaces, at most 1024 characters"
    if any(character in redirect_uri for character in ';,"\\<>{}|^`#*'):
        return 'must not hold ; , " \\ < > { } | ^ ` * or a fragment'
    try:
        parts = urlsplit(redirect_uri)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if OF_ANSWERS & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        return f"must not hold {', '.join(sorted(OF_ANSWERS))} in its query, however written"
    if "@" in parts.netloc:
        return "must not hold a user name"
    segments = parts.path.lower().replace("%2e", ".").split("/")
    if ".." in segments or "." in segments:
        return "must not hold . or .. as a path segment"
    if parts.scheme == "https":
        return None if parts.hostname else "has no host"
    if parts.scheme == "http":
        if parts.hostname in ("localhost", "127.0.0.1", "::1"):
            return None
        return "must be https; http is for localhost, 127.0.0.1 and [::1] only"
    if "." in parts.scheme:
        return None
    return "must be https, http on loopback, or a scheme of your own in reverse-domain form: org.example.app:/callback"
