"""Registered resource servers, cached in each process (design, decision 12), and for which of them a token is (RFC
8707, docs/adr/0029).

A token is for one resource server or for none in particular. Who asks for one must be allowed it each time that a token
is made, and not only when the grant was: a policy that is looked at in one grant alone is the hole of the next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import InvalidScopeError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Client, ResourceScope, ResourceServer
from authserver.oauth.errors import InvalidTargetError
from authserver.storage.database import Database

LONGEST = 2000  # characters of all resources of one grant, as in the tables


@dataclass(frozen=True)
class ResourceServers:
    """`names`: of the servers by identifier. `scopes`: what each `<identifier>/<name>` lets an application do, in the
    operator's words ('' for none)."""

    names: Mapping[str, str] = field(default_factory=dict)
    scopes: Mapping[str, str] = field(default_factory=dict)

    def owner(self, scope: str) -> str | None:
        """The resource server that a scope belongs to; None for those that are nobody's, such as `openid`."""
        identifier, slash, _ = scope.rpartition("/")
        return identifier if slash and identifier in self.names else None

    def may_name(self, client: Client, resource: str) -> bool:
        """`Client.resources` limits the registered ones further; without it any of them."""
        return resource in self.names and (not client.resources or resource in client.resources)

    def check(self, client: Client, resources: Iterable[str]) -> None:
        """Raises `InvalidTargetError`."""
        if not all(self.may_name(client, resource) for resource in resources):
            raise InvalidTargetError("resource is not a resource server that this client may name")

    def scope_for(self, scope: str, target: str | None) -> str:
        """Without the scopes of other resource servers than the one that the token is for (RFC 8707 §2.2). Raises
        `InvalidScopeError` where nothing is left."""
        if target is None:
            return scope
        kept = [one for one in scope.split() if self.owner(one) in (None, target)]
        if not kept:
            raise InvalidScopeError("No scope of this token belongs to the resource")
        return " ".join(kept)


def is_target(resource: str) -> bool:
    """RFC 8707 §2: an absolute URI without fragment."""
    try:
        parts = urlsplit(resource)
    except ValueError:
        return False
    if not parts.scheme or not (parts.netloc or parts.path) or "#" in resource:
        return False
    return all(0x21 <= ord(character) <= 0x7E for character in resource)


def split(resources: str) -> list[str]:
    """The resources of an authorization request, which may name several; they are kept in one string, divided by
    spaces, since no URI has one. Raises `InvalidTargetError`."""
    found = resources.split(" ")
    if len(resources) > LONGEST or not all(is_target(one) for one in found):
        raise InvalidTargetError("resource must be an absolute URI without fragment")
    return found


def chosen(servers: ResourceServers, client: Client, granted: str | None, asked: str | None) -> str | None:
    """The one resource server that this token is for; None: the client's `audience`, or nobody in particular.

    `granted`: what the authorization request named. Of several the token request has to choose one, and it can choose
    no other. Raises `InvalidTargetError`.
    """
    if client.preset == "alexa":  # never has one; what somebody adds on the way must not make a token of no use
        return None
    among = (granted or "").split()
    if asked and asked not in among:
        if not among and asked == client.audience:
            return asked
        raise InvalidTargetError("resource was not named in the authorization request")
    if not asked and len(among) > 1:
        raise InvalidTargetError("Several resources were granted: name one of them")
    target = asked or (among[0] if among else None)
    if target is not None:
        servers.check(client, [target])
    return target


class Resources:
    """The resource servers of one process. `forget` drops all; storage.changes calls it when one has changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._era = 0  # raised by `forget`: a read that began before it must not fill the cache after it
        self.cached: ResourceServers | None = None

    def forget(self) -> None:
        self._era += 1
        self.cached = None

    async def get(self, session: AsyncSession | None = None) -> ResourceServers:
        """`session`: the caller's unit of work, where it has one open. Raises `StorageError`."""
        if self.cached is not None:
            return self.cached
        era = self._era
        if session is None:
            async with self._database.unit() as own:
                servers = await read(own)
        else:
            servers = await read(session)
        if era == self._era:
            self.cached = servers
        return servers


async def read(session: AsyncSession) -> ResourceServers:
    """As they are registered now."""
    names = (await session.exec(select(ResourceServer.identifier, ResourceServer.name))).all()
    scopes = (await session.exec(select(ResourceScope.identifier, ResourceScope.name, ResourceScope.description))).all()
    return ResourceServers(
        dict(names), {f"{identifier}/{name}": description for identifier, name, description in scopes}
    )
