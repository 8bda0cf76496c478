"""Introspection (RFC 7662): what a token is good for now, told to those whom it concerns (docs/adr/0036).

Authlib's class, which authenticates the client and says `active: false` for all that is not found. A client learns of
its own tokens, and of access tokens whose `aud` is the resource server that it stands for (`Client.introspects`): all
others are not active to it, in the same words (contracts/security.md 6.79).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from sqlalchemy.util.concurrency import await_

from authserver.oauth import live, refresh_token
from authserver.oauth.client_auth import CONFIDENTIAL_METHODS
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.grants.refresh_token import alive, is_taken
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.userinfo import groups_of
from authserver.storage.statements import FIND_GRANT

#: claims of an access token that are told as they stand in it
TOLD = (
    "iss", "sub", "aud", "client_id", "username", "scope", "exp", "iat", "jti", "auth_time", "acr", "amr", "cnf", "act",
)  # fmt: skip


@dataclass(frozen=True)
class Introspected:
    """A token that is good now. `told`: the answer's members (RFC 7662 §2.2)."""

    client_id: str
    audience: frozenset[str]
    told: dict[str, Any] = field(repr=False)

    def is_expired(self) -> bool:
        return False  # `query_token` finds no other

    def is_revoked(self) -> bool:
        return False


def audience_of(claim: str | Sequence[str] | None) -> frozenset[str]:
    """`aud` is one or several (RFC 7519 §4.1.3)."""
    return frozenset([claim] if isinstance(claim, str) else claim or ())


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """`self.server` is an `OAuthServer`. Raises `StorageError`, and `UnknownKeyError` (503): what cannot be looked up
    is not called inactive."""

    CLIENT_AUTH_METHODS = CONFIDENTIAL_METHODS

    def check_params(self, request: ProtocolRequest, client: RegisteredClient) -> None:
        """A hint that is wrong or unknown changes nothing: the token says what it is (RFC 7662 §2.1)."""
        if not request.form.get("token"):
            raise InvalidRequestError("token is missing")

    def query_token(self, token_string: str, token_type_hint: str | None) -> Introspected | None:
        presented = refresh_token.read(token_string)
        return self._access_token(token_string) if presented is None else self._refresh_token(presented)

    def _access_token(self, value: str) -> Introspected | None:
        found = await_(live.find(self.server, value, self.server.clock()))
        if found is None:
            return None
        claims = found.claims
        told = {name: claims[name] for name in TOLD if name in claims}
        told["token_type"] = "DPoP" if "jkt" in claims.get("cnf", {}) else "Bearer"
        groups = groups_of(found.row["groups"]) if found.row is not None else ()
        if groups:
            told["cognito:groups"] = groups  # as they are now
        return Introspected(claims["client_id"], audience_of(claims.get("aud")), told)

    def _refresh_token(self, presented: refresh_token.PresentedToken) -> Introspected | None:
        server, now = self.server, self.server.clock()
        row = await_(server.hot.read_key(FIND_GRANT, presented.grant_id))
        # computed for an unknown grant too: a key that is not loaded is our trouble, whatever else is wrong
        client_id, seed = (row["client_id"], row["seed"]) if row is not None else ("", bytes(32))
        genuine = refresh_token.is_genuine(presented, server.secret_keys, client_id, seed)
        client: RegisteredClient | None = server.query_client(client_id) if row is not None and genuine else None
        if (
            row is None
            or client is None
            or not alive(row, client, now)
            or not is_taken(row, presented.generation, client, now)
        ):
            return None
        sub = server.keys.subject_of(client.row, row["sub"])
        told = {
            "iss": server.issuer,
            "sub": sub,
            "client_id": client_id,
            "username": row["username"] if sub == row["sub"] else sub,
            "scope": row["scope"],
            "iat": row["created_at"],
            "exp": min(row["expires_at"], row["last_used_at"] + client.refresh_idle_lifetime),
            "auth_time": row["auth_time"],
            "amr": orjson.loads(row["amr"]),
        }
        if row["acr"]:
            told["acr"] = row["acr"]
        if row["dpop_jkt"]:
            told["cnf"] = {"jkt": row["dpop_jkt"]}
        return Introspected(client_id, frozenset(), told)

    def check_permission(self, token: Introspected, client: RegisteredClient, request: ProtocolRequest) -> bool:
        return token.client_id == client.client_id or not token.audience.isdisjoint(client.row.introspects)

    def introspect_token(self, token: Introspected) -> dict[str, Any]:
        return {"active": True} | token.told
