"""Registering clients: what may stand in the registry, and how it changes. The rules of `authserver client …`.

Every function that changes something works in the caller's unit of work and tells running workers (`announce`).
"""

import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import AuthorizationCode, Client, ClientSecret, DeviceCode, Grant
from authserver.oauth import consents, pairwise, references
from authserver.oauth.client_rules import (
    has_secrets,
    problems,
)
from authserver.secret_values import new_secret
from authserver.storage.changes import announce

MOST_SECRETS = 2
ID_ALPHABET = string.ascii_lowercase + string.digits


class RegistrationError(Exception):
    """The client cannot be registered like this; one line for each thing that is wrong."""


def new_id(length: int = 26) -> str:
    """Characters of `a-z0-9`: 26 of them as in Cognito's client ids are 134 bits, so that none need be looked up."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(length))


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


async def register(
    session: AsyncSession, name: str, policy: Mapping[str, Any], now: int, *, client_id: str = ""
) -> tuple[Client, str | None]:
    """A new client and its secret, which is told this once, where it authenticates with one. `policy` holds columns of
    `Client`. Raises `RegistrationError`."""
    client = Client(client_id=client_id or new_id(), client_name=name, created_at=now, updated_at=now, **policy)
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
    """It is written down, so that a new redirect URI changes nobody's `sub`."""
    if pairwise.is_pairwise(client) and client.sector_identifier is None:
        client.sector_identifier = pairwise.sector_of(client)


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
