"""Whether an access token of ours is still good: asked by userinfo and introspection, which see revocation.

Signed, not expired; not revoked alone (its `jti`); its grant stands, with a person who may sign in and was not called
back since (epoch); its client is registered and active. A machine's token has no grant and no person: it is its
client's.
"""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authserver.oauth import access_token
from authserver.oauth.clients import RegisteredClient
from authserver.storage.hot import Row
from authserver.storage.statements import FIND_GRANT_OF_ACCESS_TOKEN, FIND_REVOKED_ACCESS_TOKEN

if TYPE_CHECKING:
    from authserver.oauth.server import OAuthServer


@dataclass(frozen=True)
class LiveAccessToken:
    """`row`: its grant with the person as they are now; None for a machine's. `client`: whose token it is."""

    claims: dict[str, Any]
    client: RegisteredClient
    row: Row | None = field(repr=False)


async def find(oauth: "OAuthServer", value: str, now: int) -> LiveAccessToken | None:
    """None for everything that is not good now, whatever the reason. Raises `StorageError`: what cannot be looked up is
    neither good nor bad."""
    claims = access_token.verify(oauth.keys, oauth.issuer, value, now)
    return None if claims is None else await of(oauth, claims)


async def of(oauth: "OAuthServer", claims: dict[str, Any]) -> LiveAccessToken | None:
    """The same for one whose signature and time are known to be good (`access_token.verify`)."""
    client_id, jti, origin = str(claims.get("client_id")), str(claims.get("jti")), claims.get("origin_jti")
    row: Row | None = None
    if origin is None:
        revoked = await oauth.hot.read_key(FIND_REVOKED_ACCESS_TOKEN, jti)
        if claims.get("sub") != client_id or "username" in claims:
            return None
    else:
        row, revoked = await asyncio.gather(
            oauth.hot.read_key(FIND_GRANT_OF_ACCESS_TOKEN, str(origin)),
            oauth.hot.read_key(FIND_REVOKED_ACCESS_TOKEN, jti),
        )
        if row is None or row["revoked_at"] is not None or not row["user_stands"]:
            return None
        # who got the token by exchange has it on the strength of another's grant
        if row["client_id"] != client_id and await oauth.clients.get(row["client_id"]) is None:
            return None
    client = await oauth.clients.get(client_id)
    return None if client is None or revoked is not None else LiveAccessToken(claims, client, row)
