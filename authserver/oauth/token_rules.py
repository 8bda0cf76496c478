"""What may stand in the registry of how a client's tokens are signed, what they say besides, and under which `sub`."""

import re
from collections.abc import Callable

import orjson

from authserver.models import Client
from authserver.oauth import pairwise
from authserver.oauth.userinfo import scope_of

MOST_AUDIENCES = 50
LARGEST_CLAIMS = 1000  # bytes of `token_claims` as JSON: tokens travel in headers
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?")
#: what `token_claims` cannot name: the protocol's claims, Cognito's, and those about the person (contracts/security.md
#: 6.66)
RESERVED_CLAIMS = frozenset(
    {
        "acr", "act", "amr", "at_hash", "aud", "auth_time", "azp", "c_hash", "client_id", "cnf", "device_key",
        "event_id", "events", "exp", "iat", "identities", "iss", "jti", "may_act", "nbf", "nonce", "origin_jti",
        "s_hash", "scope", "sid", "sub", "sub_id", "token_introspection", "token_use", "username", "version",
    }
)  # fmt: skip


def is_reserved(claim: str) -> bool:
    return claim in RESERVED_CLAIMS or claim.startswith("cognito:") or scope_of(claim) is not None or not claim


def algorithms(client: Client) -> set[str]:
    """Everything that is signed for it is signed with one of these."""
    others = (client.id_token_signing_alg, client.userinfo_signing_alg, client.introspection_signing_alg)
    return {client.signing_alg, *(alg for alg in others if alg is not None)}


def _claims_problems(client: Client) -> list[str]:
    found = []
    claims = client.token_claims
    if not set(claims) <= {"access", "id"} or not all(isinstance(value, dict) for value in claims.values()):
        return ['claims of tokens are given as {"access": {...}, "id": {...}}']
    named = {name for value in claims.values() for name in value}
    taken = sorted(filter(is_reserved, named))
    if taken:
        found.append(f"these claims are not the operator's to set: {', '.join(taken)}")
    if len(orjson.dumps(claims)) > LARGEST_CLAIMS:
        found.append(f"claims of tokens may have {LARGEST_CLAIMS} bytes of JSON")
    return found


def _subject_problems(client: Client) -> list[str]:
    """OpenID Connect Core §8.1."""
    if client.subject_type not in pairwise.SUBJECT_TYPES:
        return [f"the subject type is one of {', '.join(pairwise.SUBJECT_TYPES)}"]
    sector = client.sector_identifier
    if sector is not None and sector != pairwise.own_sector(client) and not HOST.fullmatch(sector):
        return ["the sector identifier is a host name in lower case, such as example.org"]
    if client.subject_type == pairwise.PAIRWISE and sector is None:
        return ["pairwise subjects need a sector identifier where the redirect URIs are not all of one host"]
    return []


def _introspection_problems(client: Client) -> list[str]:
    found = []
    if client.introspects and client.token_endpoint_auth_methods == ["none"]:
        found.append("a public client cannot authenticate, and so introspects nothing")
    if client.client_id in client.introspects:
        found.append("an audience to introspect is a resource server's, never a client's id")
    if len(client.introspects) > MOST_AUDIENCES:
        found.append(f"at most {MOST_AUDIENCES} audiences to introspect are possible")
    if not all(0 < len(one) <= 2000 and one.isascii() and one.isprintable() for one in client.introspects):
        found.append("an audience to introspect must be 1 to 2000 printable ASCII characters")
    return found


CHECKS: tuple[Callable[[Client], list[str]], ...] = (_claims_problems, _subject_problems, _introspection_problems)
