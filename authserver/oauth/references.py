"""Whom a client names: scopes of resource servers, resources, other clients. These rules need the database, which those
of `client_rules.problems` do not (docs/adr/0029)."""

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.models import Client
from authserver.oauth import resources
from authserver.oauth.presets import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from authserver.oauth.resources import is_target

#: columns that name others: they are looked at when one of them changes, and not at every update
NAMING = frozenset({"scopes", "grant_types", "resources", "exchange_from"})


async def problems(session: AsyncSession, client: Client) -> list[str]:
    """What is wrong with it, in the operator's words; [] when it may be registered."""
    servers = await resources.read(session)
    found = [
        f"scope {scope!r}: its resource server has no such scope; see authserver resource scope add"
        for scope in client.scopes
        if servers.owner(scope) is not None and scope not in servers.scopes
    ]
    if CLIENT_CREDENTIALS in client.grant_types:
        found += _machine_problems(client, set(servers.scopes))
    found += [
        f"resource {one!r} is not registered, or no absolute URI; see authserver resource add"
        for one in client.resources
        if one not in servers.names or not is_target(one)
    ]
    known = set((await session.exec(select(Client.client_id))).all()) | {client.client_id}
    found += [
        f"no client {other!r} whose tokens it could exchange" for other in client.exchange_from if other not in known
    ]
    if client.exchange_from and TOKEN_EXCHANGE not in client.grant_types:
        found.append(f"exchanging tokens needs the grant type {TOKEN_EXCHANGE}")
    return found


def _machine_problems(client: Client, of_servers: set[str]) -> list[str]:
    """RFC 6749 §4.4; contracts/cognito.md 1.2."""
    found = []
    if not of_servers & set(client.scopes):
        found.append(
            f"{CLIENT_CREDENTIALS} needs a scope of a resource server, IDENTIFIER/NAME; make one with: authserver "
            "resource add"
        )
    if "authorization_code" not in client.grant_types and (others := sorted(set(client.scopes) - of_servers)):
        found.append(f"a machine has scopes of resource servers alone, not: {', '.join(others)}")
    return found
