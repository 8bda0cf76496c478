"""Registering resource servers and their scopes. The rules of `authserver resource …` (docs/adr/0029).

Every function that changes something works in the caller's unit of work and tells running workers (`announce`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Client, ResourceScope, ResourceServer
from authserver.oauth.registration import RegistrationError
from authserver.oauth.resources import is_target
from authserver.oauth.userinfo import SCOPES as OF_PEOPLE
from authserver.storage.changes import announce

LONGEST_SCOPE = 256  # characters of `<identifier>/<name>`, as of every scope
MOST_SCOPES = 100  # of one resource server, as in Cognito
IDENTIFIER = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,254}")
SCOPE_NAME = re.compile(r"[\x21\x23-\x2E\x30-\x5B\x5D-\x7E]{1,254}")  # no slash: it ends the identifier


@dataclass(frozen=True)
class Registered:
    """A resource server as the operator sees it; `scopes`: name -> what it lets an application do."""

    identifier: str
    name: str
    scopes: Mapping[str, str]
    created_at: int


def _line(words: str, about: str) -> str:
    if not (words.strip() and len(words) <= 256 and words.isprintable()):
        raise RegistrationError(f"{about} must have 1 to 256 printable characters")
    return words


async def find(session: AsyncSession, identifier: str) -> Registered | None:
    row = await session.get(ResourceServer, identifier) if len(identifier) <= 256 else None
    return await _registered(session, row) if row is not None else None


async def _registered(session: AsyncSession, row: ResourceServer) -> Registered:
    scopes = await session.exec(
        select(ResourceScope.name, ResourceScope.description)
        .where(ResourceScope.identifier == row.identifier)
        .order_by(col(ResourceScope.name))
    )
    return Registered(row.identifier, row.name, dict(scopes.all()), row.created_at)


async def every(session: AsyncSession) -> list[Registered]:
    """Oldest first."""
    rows = await session.exec(
        select(ResourceServer).order_by(col(ResourceServer.created_at), col(ResourceServer.identifier))
    )
    return [await _registered(session, row) for row in rows.all()]


async def add(session: AsyncSession, identifier: str, name: str, scopes: Mapping[str, str], now: int) -> Registered:
    """Raises `RegistrationError`."""
    if not IDENTIFIER.fullmatch(identifier):
        raise RegistrationError(
            "the identifier must have 1 to 254 printable ASCII characters, without spaces or quotes"
        )
    if ":" in identifier and not is_target(identifier):
        raise RegistrationError("an identifier that is a URI must be absolute and have no fragment (RFC 8707 §2)")
    if identifier in OF_PEOPLE or await session.get(Client, identifier) is not None:
        raise RegistrationError("the identifier is that of a client, or a scope of its own")
    if await session.get(ResourceServer, identifier) is not None:
        raise RegistrationError(f"there is a resource server {identifier} already")
    session.add(ResourceServer(identifier=identifier, name=_line(name, "the name"), created_at=now))
    await session.flush()
    for scope, description in scopes.items():
        await describe(session, identifier, scope, description)
    await announce(session)
    return await _found(session, identifier)


async def rename(session: AsyncSession, identifier: str, name: str) -> Registered:
    """Its identifier stays: it stands in tokens. Raises `RegistrationError`."""
    row = await session.get(ResourceServer, identifier)
    if row is not None:
        row.name = _line(name, "the name")
        session.add(row)
        await announce(session)
    return await _found(session, identifier)


async def describe(session: AsyncSession, identifier: str, scope: str, description: str) -> Registered:
    """Adds a scope, or says anew what it lets an application do. Raises `RegistrationError`."""
    if not SCOPE_NAME.fullmatch(scope) or len(f"{identifier}/{scope}") > LONGEST_SCOPE:
        raise RegistrationError(
            f"scope {scope!r} must be printable ASCII without spaces, quotes and slashes; with the identifier before "
            f"it at most {LONGEST_SCOPE} characters"
        )
    server = await _found(session, identifier)
    if scope not in server.scopes and len(server.scopes) >= MOST_SCOPES:
        raise RegistrationError(f"a resource server has at most {MOST_SCOPES} scopes")
    if description:
        _line(description, "what a scope allows")
    await session.merge(ResourceScope(identifier=identifier, name=scope, description=description))
    await session.flush()
    await announce(session)
    return await _found(session, identifier)


async def remove_scope(session: AsyncSession, identifier: str, scope: str) -> Registered:
    """Raises `RegistrationError` also while clients have it: nothing of theirs changes behind their backs."""
    server = await _found(session, identifier)
    if scope not in server.scopes:
        raise RegistrationError(f"{identifier} has no scope {scope}")
    _refuse_where_used(await _users(session, {f"{identifier}/{scope}"}, None))
    await session.exec(
        delete(ResourceScope).where(col(ResourceScope.identifier) == identifier, col(ResourceScope.name) == scope)
    )
    await announce(session)
    return await _found(session, identifier)


async def remove(session: AsyncSession, identifier: str) -> None:
    """With its scopes. Raises `RegistrationError`, also while clients name it."""
    server = await _found(session, identifier)
    _refuse_where_used(await _users(session, {f"{identifier}/{scope}" for scope in server.scopes}, identifier))
    await session.exec(delete(ResourceScope).where(col(ResourceScope.identifier) == identifier))
    await session.exec(delete(ResourceServer).where(col(ResourceServer.identifier) == identifier))
    await announce(session)


async def _found(session: AsyncSession, identifier: str) -> Registered:
    server = await find(session, identifier)
    if server is None:
        raise RegistrationError(f"no resource server {identifier}")
    return server


async def _users(session: AsyncSession, scopes: set[str], identifier: str | None) -> list[str]:
    rows = await session.exec(select(Client.client_id, Client.scopes, Client.resources))
    return [who for who, own, named in rows.all() if scopes & set(own) or identifier in named]


def _refuse_where_used(clients: Sequence[str]) -> None:
    if clients:
        raise RegistrationError(
            f"clients still have it: {', '.join(clients)}. Take it from them first: authserver client update"
        )
