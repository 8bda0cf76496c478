"""Registering clients: what may stand in the registry, and how it changes. The rules of `authserver client …`.

Every function that changes something works in the caller's unit of work and tells running workers (`announce`).
"""

import re
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import AuthorizationCode, Client, ClientSecret, DeviceCode, Grant
from authserver.oauth import consents, pairwise, references, token_rules
from authserver.oauth.client_auth import CONFIDENTIAL_METHODS, SECRET_METHODS
from authserver.oauth.grants import device_code
from authserver.oauth.keys import ALGORITHMS, LONGEST_TOKEN
from authserver.oauth.presets import ALEXA_SHORTEST_ACCESS_TOKEN, CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from authserver.oauth.redirects import registration_problem
from authserver.oauth.request_policy import key_problems, request_problems
from authserver.secret_values import new_secret
from authserver.storage.changes import announce

MOST_SECRETS = 2
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
ID_ALPHABET = string.ascii_lowercase + string.digits

#: columns that hold seconds: the least and the most that may be set
SECONDS: dict[str, tuple[int, int]] = {
    "access_token_lifetime": (60, LONGEST_TOKEN),
    "id_token_lifetime": (60, LONGEST_TOKEN),
    "authorization_code_lifetime": (10, 600),
    "code_retry_window": (0, 60),
    "refresh_rotation_grace": (0, 60),
    "refresh_idle_lifetime": (3600, 100 * 365 * 86_400),
    "refresh_absolute_lifetime": (3600, 100 * 365 * 86_400),
}


class RegistrationError(Exception):
    """The client cannot be registered like this; one line for each thing that is wrong."""


def new_id(length: int = 26) -> str:
    """Characters of `a-z0-9`: 26 of them as in Cognito's client ids are 134 bits, so that none need be looked up."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(length))


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


def _check(client: Client) -> None:
    if found := problems(client):
        raise RegistrationError("\n".join(found))


async def _check_named(session: AsyncSession, client: Client) -> None:
    with session.no_autoflush:  # the change that is asked about is not in the database yet
        found = await references.problems(session, client)
    if found:
        raise RegistrationError("\n".join(found))


def _once(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))


def has_secrets(client: Client) -> bool:
    """Whether it may authenticate with one."""
    return bool(set(SECRET_METHODS) & set(client.token_endpoint_auth_methods))


async def find(session: AsyncSession, client_id: str) -> Client | None:
    return await session.get(Client, client_id) if len(client_id) <= 128 else None


async def every(session: AsyncSession) -> Sequence[Client]:
    """All clients, oldest first."""
    return (await session.exec(select(Client).order_by(col(Client.created_at), col(Client.client_id)))).all()


async def secrets_of(session: AsyncSession, client_id: str) -> Sequence[ClientSecret]:
    """Oldest first; they hold digests alone."""
    return (
        await session.exec(
            select(ClientSecret)
            .where(ClientSecret.client_id == client_id)
            .order_by(col(ClientSecret.created_at), col(ClientSecret.secret_id))
        )
    ).all()


async def register(session: AsyncSession, name: str, policy: Mapping[str, Any], now: int) -> tuple[Client, str | None]:
    """A new client and its secret, which is told this once, where it authenticates with one. `policy` holds columns of
    `Client`. Raises `RegistrationError`."""
    client = Client(client_id=new_id(), client_name=name, created_at=now, updated_at=now, **policy)
    client.redirect_uris, client.scopes = _once(client.redirect_uris), _once(client.scopes)
    _settle_sector(client)
    _check(client)
    await _check_named(session, client)
    session.add(client)
    await session.flush()
    secret = None
    if has_secrets(client):
        secret, _ = await _new_secret(session, client.client_id, now)
    await announce(session)
    return client, secret


async def change(session: AsyncSession, client: Client, policy: Mapping[str, Any], now: int) -> None:
    """Sets what `policy` names and nothing else (Cognito resets what an update omits). Raises `RegistrationError`."""
    was_public = client.token_endpoint_auth_methods == ["none"]
    sector = _sector(client)
    if policy.get("consent") == consents.ALWAYS:  # what was remembered so far is not kept for later
        await consents.forget(session, now, client_id=client.client_id)
    for name, value in policy.items():
        setattr(client, name, _once(value) if isinstance(value, list) else value)
    client.updated_at = now
    if (client.token_endpoint_auth_methods == ["none"]) != was_public:
        raise RegistrationError("a public client cannot become a confidential one, nor the other way; register another")
    _settle_sector(client)
    _check(client)
    if references.NAMING & set(policy):
        await _check_named(session, client)
    if _sector(client) != sector and await _is_linked(session, client, now):
        raise RegistrationError(
            "people are linked under the sub that this client knows; to it they would all become somebody else. "
            "Register another client, or end the links first: authserver grant revoke --client"
        )
    session.add(client)
    await announce(session)


def _sector(client: Client) -> str | None:
    """On what its people's `sub` depends; None where they have the same for all."""
    return client.sector_identifier if pairwise.is_pairwise(client) else None


def _settle_sector(client: Client) -> None:
    """The host of the redirect URIs (OpenID Connect Core §8.1) is written down, so that a new redirect URI changes
    nobody's `sub`."""
    if pairwise.is_pairwise(client) and client.sector_identifier is None:
        hosts = {urlsplit(uri).hostname for uri in client.redirect_uris}
        if len(hosts) == 1:
            client.sector_identifier = hosts.pop()


async def _is_linked(session: AsyncSession, client: Client, now: int) -> bool:
    live = select(Grant.grant_id).where(
        Grant.client_id == client.client_id, col(Grant.revoked_at).is_(None), col(Grant.expires_at) > now
    )
    with session.no_autoflush:  # the change that is asked about is not in the database yet
        return (await session.exec(live.limit(1))).first() is not None


async def remove(session: AsyncSession, client: Client) -> None:
    """The client with its secrets, codes and grants (by foreign keys). Codes go first: an exchange in flight holds its
    code and then needs the client, so that the other order would be a deadlock."""
    await session.exec(delete(AuthorizationCode).where(col(AuthorizationCode.client_id) == client.client_id))
    await session.exec(delete(DeviceCode).where(col(DeviceCode.client_id) == client.client_id))
    await session.exec(delete(Client).where(col(Client.client_id) == client.client_id))
    await announce(session)


async def add_secret(session: AsyncSession, client: Client, now: int) -> tuple[str, ClientSecret]:
    """A second secret, so that the first can be replaced without an outage. Raises `RegistrationError`."""
    if not has_secrets(client):
        raise RegistrationError("a client that does not authenticate with a secret has none")
    await _lock(session, client, now)
    if len(await secrets_of(session, client.client_id)) >= MOST_SECRETS:
        raise RegistrationError(f"the client has {MOST_SECRETS} secrets already; remove one first")
    secret, row = await _new_secret(session, client.client_id, now)
    await announce(session)
    return secret, row


async def remove_secret(session: AsyncSession, client: Client, secret_id: str, now: int) -> None:
    """Raises `RegistrationError`, also for the only secret: the client could not authenticate any more."""
    await _lock(session, client, now)
    present = await secrets_of(session, client.client_id)
    if secret_id not in {row.secret_id for row in present}:
        raise RegistrationError("the client has no such secret")
    if len(present) == 1 and has_secrets(client):
        raise RegistrationError("it is the client's only secret; add another one first")
    await session.exec(delete(ClientSecret).where(col(ClientSecret.secret_id) == secret_id))
    await announce(session)


async def _lock(session: AsyncSession, client: Client, now: int) -> None:
    """The first write of the unit: of two changes at once the second waits here and then sees the first."""
    await session.exec(update(Client).where(col(Client.client_id) == client.client_id).values(updated_at=now))


async def _new_secret(session: AsyncSession, client_id: str, now: int) -> tuple[str, ClientSecret]:
    secret, stored = new_secret()
    row = ClientSecret(secret_id=new_id(12), client_id=client_id, digest=stored, created_at=now)
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise RegistrationError("the client was removed meanwhile") from error
    return secret, row
