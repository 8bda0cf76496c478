"""What a client asks to be registered with (RFC 7591 §2, OpenID Connect Registration §2), read once into columns of
`Client`. Types, addresses and limits are judged here, words by Authlib's claims against our metadata, and all of it
once more by `client_rules`, as for everybody.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.claims import BaseClaims
from authlib.oauth2.rfc7591 import (
    ClientMetadataClaims,
    InvalidClientMetadataError,
    InvalidRedirectURIError,
    UnapprovedSoftwareStatementError,
)
from authlib.oidc.registration import ClientMetadataClaims as OpenIDClaims
from joserfc.errors import JoseError

from authserver import egress
from authserver.models import Client
from authserver.oauth import client_assertion, client_keys, pairwise, redirects, userinfo
from authserver.oauth.client_auth import METHODS
from authserver.oauth.client_rules import MOST_REDIRECT_URIS, SECONDS
from authserver.oauth.dynamic.initial_access import Limits
from authserver.oauth.grants import device_code
from authserver.oauth.presets import CLIENT_CREDENTIALS

METHOD, PUBLIC = "token_endpoint_auth_method", "none"
LONGEST = 2000  # characters of one string
MOST_CONTACTS = 10
LOOPBACK = ("localhost", "127.0.0.1", "::1")

TEXT = frozenset(
    {
        "application_type", "backchannel_logout_uri", "client_name", "client_uri", "id_token_signed_response_alg",
        "introspection_signed_response_alg", "jwks_uri", "logo_uri", "policy_uri", "scope", "sector_identifier_uri",
        "software_id", "software_version", "subject_type", "token_endpoint_auth_method", "tos_uri",
        "userinfo_signed_response_alg",
    }
)  # fmt: skip
#: arrays of texts, and how many each may hold
LISTS = {
    "redirect_uris": MOST_REDIRECT_URIS,
    "post_logout_redirect_uris": MOST_REDIRECT_URIS,
    "grant_types": 20,
    "response_types": 20,
    "contacts": MOST_CONTACTS,
}
SWITCHES = frozenset(
    {
        "backchannel_logout_session_required", "dpop_bound_access_tokens", "require_auth_time",
        "require_pushed_authorization_requests", "require_signed_request_object",
    }
)  # fmt: skip

#: member -> the column of `Client` that holds it as it is
COLUMNS = {
    "redirect_uris": "redirect_uris",
    "post_logout_redirect_uris": "post_logout_redirect_uris",
    "jwks": "jwks",
    "jwks_uri": "jwks_uri",
    "subject_type": "subject_type",
    "default_max_age": "default_max_age",
    "id_token_signed_response_alg": "id_token_signing_alg",
    "userinfo_signed_response_alg": "userinfo_signing_alg",
    "introspection_signed_response_alg": "introspection_signing_alg",
    "require_pushed_authorization_requests": "require_pushed_authorization_requests",
    "require_signed_request_object": "require_signed_request_object",
    "dpop_bound_access_tokens": "dpop_bound_access_tokens",
    "backchannel_logout_uri": "backchannel_logout_uri",
    "backchannel_logout_session_required": "backchannel_logout_session_required",
}
#: kept as it came, for the answer and the operator; nothing here acts on it, and people are never shown it
TOLD = (
    "application_type", "client_uri", "logo_uri", "policy_uri", "tos_uri", "contacts", "software_id",
    "software_version", "sector_identifier_uri", "require_auth_time",
)  # fmt: skip
#: pages of the client's: never fetched, and never a link of ours
WEB_PAGES = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
ADDRESSES = (*WEB_PAGES, "jwks_uri", "sector_identifier_uri", "backchannel_logout_uri")
ELSEWHERE = "is at a host that the initial access token does not allow"
#: what Authlib compares with our metadata
WORDS = (
    "application_type", "grant_types", "id_token_signed_response_alg", "response_types", "subject_type",
    "token_endpoint_auth_method", "userinfo_signed_response_alg",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What may be registered, as far as the document alone tells. `columns` of `Client`, each that a client may set:
    what it did not name is as for a new one (RFC 7592 §2.2). `name`: '' where it gave none. `sector_uri`: what must be
    fetched before `columns` hold."""

    name: str
    columns: Mapping[str, Any]
    told: Mapping[str, Any]
    sector_uri: str | None


def refused(words: str) -> InvalidClientMetadataError:
    return InvalidClientMetadataError(plain(words))


def plain(words: str) -> str:
    """As `error_description` may be (RFC 6749 §5.2)."""
    kept = words.replace("§", "section ").replace('"', "").replace("\\", "")
    return kept.encode("ascii", "replace").decode()


def read(document: Mapping[str, Any], limits: Limits, algorithms: list[str]) -> Asked:
    """`algorithms`: what we sign with. Raises `InvalidClientMetadataError`, `InvalidRedirectURIError`,
    `UnapprovedSoftwareStatementError`, never with the client's own text."""
    if "software_statement" in document:
        raise UnapprovedSoftwareStatementError("Software statements are not taken here")
    _check_types(document)
    if any(name.endswith("_encrypted_response_alg") for name in document):
        raise refused("Nothing is encrypted here: leave the members for encryption out")
    given = _with_defaults(document, limits)
    _check_words(given, algorithms)
    _check_flow(given)
    _check_limits(given, limits)
    for check in (_check_redirects, _check_addresses, _check_keys):
        check(given, limits)
    return Asked(
        name=given.get("client_name", "").strip(),
        columns=_columns(given),
        told={name: given[name] for name in TOLD if name in given},
        sector_uri=given.get("sector_identifier_uri"),
    )


def _check_types(document: Mapping[str, Any]) -> None:
    for name, value in document.items():
        if name in TEXT and not (isinstance(value, str) and len(value) <= (8192 if name == "scope" else LONGEST)):
            raise refused(f"{name} must be a string of at most {LONGEST} characters")
        if name in LISTS:
            whole = isinstance(value, list) and all(isinstance(one, str) and len(one) <= LONGEST for one in value)
            if not whole or len(value) > LISTS[name]:
                error = InvalidRedirectURIError if name == "redirect_uris" else InvalidClientMetadataError
                raise error(f"{name} must be an array of at most {LISTS[name]} strings")
        if name in SWITCHES and not isinstance(value, bool):
            raise refused(f"{name} must be true or false")
    seconds = document.get("default_max_age", 0)
    least, most = SECONDS["default_max_age"]
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not least <= seconds <= most:
        raise refused(f"default_max_age must be {least} to {most} seconds")
    name = document.get("client_name", "")
    if len(name) > 128 or not name.isprintable():
        raise refused("client_name must have at most 128 printable characters")


def _with_defaults(document: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """RFC 7591 §2; a client that names no scope, as none of OpenID Connect's does, gets what it may have."""
    given = {
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code"],
        "redirect_uris": [],
    } | dict(document)
    given["grant_types"] = list(dict.fromkeys(given["grant_types"]))
    codes = "authorization_code" in given["grant_types"]
    given.setdefault("response_types", ["code"] if codes else [])
    if not given.get("scope", "").split():
        machine = given["grant_types"] == [CLIENT_CREDENTIALS]
        given["scope"] = " ".join(one for one in limits.scopes if not machine or one not in userinfo.SCOPES)
    given.setdefault("application_type", "web" if all(map(_is_web, given["redirect_uris"])) else "native")
    return given


def _is_web(uri: str) -> bool:
    """https, and not this machine."""
    try:
        parts = urlsplit(uri)
        return parts.scheme == "https" and parts.hostname not in LOOPBACK
    except ValueError:
        return False


def _check_words(given: Mapping[str, Any], algorithms: list[str]) -> None:
    """Of what our metadata lists. Authlib lets `none` pass for ID tokens of the code flow: it is not on our list."""
    supported = {
        "response_types_supported": ["code"],
        "grant_types_supported": given["grant_types"],  # judged by the limits
        "token_endpoint_auth_methods_supported": list(METHODS),
        "subject_types_supported": list(pairwise.SUBJECT_TYPES),
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
    }
    words = {name: given[name] for name in WORDS if name in given}
    kinds: tuple[type[BaseClaims], ...] = (ClientMetadataClaims, OpenIDClaims)
    for kind in kinds:
        try:
            kind(words, {}, kind.get_claims_options(supported), supported).validate()
        except JoseError as error:
            named = next((name for name in WORDS if name in str(error)), "A member")
            raise refused(f"{named} is none that this server supports") from error
    if given.get("introspection_signed_response_alg", "RS256") not in algorithms:
        raise refused("introspection_signed_response_alg is none that this server supports")


def _check_flow(given: Mapping[str, Any]) -> None:
    """RFC 7591 §2.1."""
    codes = "authorization_code" in given["grant_types"]
    if codes != ("code" in given["response_types"]):
        raise refused("response_types code and grant_types authorization_code go together")
    if codes and not given["redirect_uris"]:
        raise InvalidRedirectURIError("At least one redirect URI is needed")
    if given.get("subject_type") == pairwise.PAIRWISE and (not codes or device_code.GRANT_TYPE in given["grant_types"]):
        raise refused("Pairwise subjects rest on redirect URIs: for authorization_code alone, not for devices")
    if given[METHOD] == PUBLIC and CLIENT_CREDENTIALS in given["grant_types"]:
        raise refused("client_credentials needs a way to authenticate")


def _check_limits(given: Mapping[str, Any], limits: Limits) -> None:
    if not given["grant_types"] or not set(given["grant_types"]) <= set(limits.grant_types):
        raise refused("grant_types holds one that the initial access token does not allow")
    if not set(given["scope"].split()) <= set(limits.scopes):
        raise refused("scope holds one that the initial access token does not allow")


def _check_redirects(given: Mapping[str, Any], limits: Limits) -> None:
    kinds: dict[str, Callable[[str], Exception]] = {
        "redirect_uris": InvalidRedirectURIError,
        "post_logout_redirect_uris": InvalidClientMetadataError,
    }
    for name, error in kinds.items():
        for uri in given.get(name, []):
            if problem := redirects.registration_problem(uri):
                raise error(plain(f"{name}: one {problem}"))
            if not _is_allowed(uri, limits):
                raise error(f"{name}: one {ELSEWHERE}")
            if given["application_type"] == "web" and not _is_web(uri):
                raise error(f"{name}: those of application_type web must be https, and not on loopback")


def _is_allowed(uri: str, limits: Limits) -> bool:
    return not limits.redirect_hosts or (urlsplit(uri).hostname or "") in limits.redirect_hosts


def _check_addresses(given: Mapping[str, Any], limits: Limits) -> None:
    """The token's hosts hold for each: what this server asks or tells, and what the operator reads."""
    for name in WEB_PAGES:
        if name in given and (problem := _page_problem(given[name])):
            raise refused(f"{name} {problem}")
    for name in ("jwks_uri", "sector_identifier_uri"):
        if name in given and (problem := egress.registration_problem(given[name])):
            raise refused(f"{name} {problem}")
    told = given.get("backchannel_logout_uri")
    if told is not None:
        problem = redirects.registration_problem(told) or egress.registration_problem(told)
        if problem:
            raise refused(f"backchannel_logout_uri {problem}")
    elif given.get("backchannel_logout_session_required"):
        raise refused("backchannel_logout_session_required needs a backchannel_logout_uri")
    for name in ADDRESSES:
        if name in given and not _is_allowed(given[name], limits):
            raise refused(f"{name} {ELSEWHERE}")
    for contact in (*given.get("contacts", []), given.get("software_id", ""), given.get("software_version", "")):
        if len(contact) > 256 or not contact.isprintable():
            raise refused("contacts, software_id and software_version have at most 256 printable characters each")


def _page_problem(url: str) -> str | None:
    try:
        egress.Destination.of(url)
    except ValueError as error:
        return str(error)
    return None


def _check_keys(given: Mapping[str, Any], _: Limits) -> None:
    if "jwks" in given and "jwks_uri" in given:
        raise refused("jwks and jwks_uri must not both be there")
    if "jwks" in given:
        try:
            client_keys.parse(given["jwks"])
        except client_keys.KeySetError as error:
            raise refused(f"jwks {error}") from error
    if given[METHOD] == client_assertion.METHOD and not {"jwks", "jwks_uri"} & set(given):
        raise refused("private_key_jwt needs jwks or jwks_uri")


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """What it never gets, whatever it says: a preset, the trust of a first party, a way around PKCE."""
    fields = Client.model_fields
    columns = {
        column: given.get(member, fields[column].get_default(call_default_factory=True))
        for member, column in COLUMNS.items()
    }
    return columns | {
        "grant_types": given["grant_types"],
        "scopes": list(dict.fromkeys(given["scope"].split())),
        "token_endpoint_auth_methods": [given["token_endpoint_auth_method"]],
        "sector_identifier": (
            egress.Destination.of(given["sector_identifier_uri"]).host if "sector_identifier_uri" in given else None
        ),
        "preset": "",
        "first_party": False,
        "require_pkce": True,
    }
