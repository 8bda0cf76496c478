"""The refresh token grant (RFC 6749 §6) with the client's own policy (design, decision 6; contracts/alexa.md 1.5)."""

import logging
from typing import Any

import orjson
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError
from authlib.oauth2.rfc6749 import grants as authlib_grants
from sqlalchemy.util.concurrency import await_

from authserver.oauth import refresh_token, resources
from authserver.oauth.client_auth import METHODS
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.grants import session_use
from authserver.oauth.requested_claims import singly_named
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.tokens import Subject
from authserver.storage.hot import Row
from authserver.storage.statements import BIND_GRANT, FIND_GRANT, NOTE_USE, REVOKE_GRANT, ROTATE_GRANT

log = logging.getLogger(__name__)

INVALID_TOKEN = "The refresh token is not valid: unknown, expired, revoked, or issued to another client"  # noqa: S105


def note_after(idle_lifetime: int) -> int:
    """Seconds; last use is not noted more often. A 400th of the idle life that it serves, from a minute to six hours:
    Alexa refreshes hourly, and most of its refreshes write nothing."""
    return max(60, min(idle_lifetime // 400, 21_600))


class PresentedGrant:
    """A live grant and the generation of the refresh token that was presented for it."""

    def __init__(self, row: Row, generation: int, value: str) -> None:
        self.row = row
        self.generation = generation
        self.value = value  # the token as it came; '' where it was made with an older secret key

    def check_client(self, client: RegisteredClient) -> bool:
        return bool(self.row["client_id"] == client.client_id)

    def get_scope(self) -> str:
        return str(self.row["scope"])


def alive(row: Row, client: RegisteredClient, now: int) -> bool:
    """Not revoked, within its absolute and idle life, its user active and not called back since."""
    return bool(
        row["revoked_at"] is None
        and row["expires_at"] > now
        and row["last_used_at"] + client.refresh_idle_lifetime > now
        and row["user_stands"]
    )


def in_grace(row: Row, client: RegisteredClient, now: int) -> bool:
    return bool(now - (row["rotated_at"] or 0) <= client.refresh_rotation_grace)


def is_taken(row: Row, generation: int, client: RegisteredClient, now: int) -> bool:
    """Whether a refresh token of this generation of a live grant would be answered with tokens."""
    behind = row["generation"] - generation
    if behind <= 0:
        return True
    lenient = client.row.preset == "alexa"
    if not client.row.refresh_rotation and not lenient:
        return False
    if behind == 1:
        return lenient or in_grace(row, client, now)
    return behind == 2 and lenient and in_grace(row, client, now)


class RefreshTokenGrant(authlib_grants.RefreshTokenGrant):  # type: ignore[misc]
    """`self.server` is an `OAuthServer`. Without rotation a refresh is one read and one signature."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True
    request: ProtocolRequest

    def authenticate_refresh_token(self, value: str) -> PresentedGrant:
        """Proves that the token is ours, this client's and alive; consumes nothing.

        Raises `InvalidGrantError`; `UnknownKeyError` when the token's secret key is not loaded (503).
        """
        client, now = self.request.client, self.request.now
        token = refresh_token.read(value)
        if token is None:
            raise InvalidGrantError(INVALID_TOKEN)
        row = await_(self.server.hot.read_key(FIND_GRANT, token.grant_id))
        # The MAC covers the client: another client's token, or one never issued, changes nothing (row 6.30).
        # It is computed for an unknown grant too: a key that is not loaded must be 503 before anything is refused.
        seed = row["seed"] if row is not None else bytes(32)
        genuine = refresh_token.is_genuine(token, self.server.secret_keys, client.client_id, seed)
        if row is None or not genuine or not alive(row, client, now):
            raise InvalidGrantError(INVALID_TOKEN)
        if client.row.refresh_with_session and not session_use.stands(self.server, row["sid"], now):
            raise InvalidGrantError(INVALID_TOKEN)
        self.request.bound_jkt = row["dpop_jkt"]
        return PresentedGrant(row, token.generation, value if token.key_id == self.server.key_id else "")

    def _validate_token_scope(self, token: PresentedGrant) -> None:
        """Narrower is honoured for this answer only; wider is refused (RFC 6749 §6). Blank means all."""
        wanted = list(dict.fromkeys(self.request.parameters.get("scope", "").split()))
        if not set(wanted) <= set(token.get_scope().split()):
            raise InvalidScopeError("The scope is wider than what was granted")
        self.request.parameters["scope"] = " ".join(wanted) or token.get_scope()

    def authenticate_user(self, presented: PresentedGrant) -> Subject:
        """Applies the client's rotation policy and returns for whom tokens are made. Raises `InvalidGrantError`,
        `KeyRingError`."""
        row, client = presented.row, self.request.client
        claims = orjson.loads(row["claims"])
        self.server.keys.ready(client.row, self.request.now)  # raises before anything is rotated
        target = self._target(claims.get("resource"))
        if self.request.jkt is not None and client.is_public and row["dpop_jkt"] is None:
            self._bind(row["grant_id"], self.request.jkt)
        generation = self._rotated(presented) if client.row.refresh_rotation else self._kept(presented)
        if generation == presented.generation and presented.value:
            self.request.refresh_value = presented.value  # what would be derived again
        else:
            self.request.refresh_value = self.server.refresh_token(
                row["grant_id"], generation, client.client_id, row["seed"]
            )
        subject = Subject.of_row(
            row,
            self.request.now,
            row["origin_jti"],
            resource=target,
            sid=row["sid"],
            singly=tuple(singly_named(claims, "id_token", row["scope"], self.request.parameters["scope"])),
            jkt=self.request.jkt,
        )
        self.request.subject = subject
        return subject

    def _target(self, granted: str | None) -> str | None:
        """RFC 8707 §2.2; the answer's scope is then that of this resource server. Raises `InvalidTargetError`,
        `InvalidScopeError`."""
        parameters = self.request.parameters
        if not granted and not parameters.get("resource"):
            return None
        servers = self.server.resource_servers()
        target = resources.chosen(servers, self.request.client.row, granted, parameters.get("resource"))
        parameters["scope"] = servers.scope_for(parameters["scope"], target)
        return target

    def _bind(self, grant_id: str, jkt: str) -> None:
        """RFC 9449 §5: the next refresh token of a public client that has proved a key is bound to it. Of two keys that
        are proven at once the database decides."""
        if await_(self.server.hot.execute(BIND_GRANT, which=grant_id, jkt=jkt)) is None:
            fresh = await_(self.server.hot.read_key(FIND_GRANT, grant_id))
            if fresh is None or fresh["dpop_jkt"] != jkt:
                raise InvalidGrantError(INVALID_TOKEN)

    def _kept(self, presented: PresentedGrant) -> int:
        """No rotation: the same token comes back, any number of times at once. A token from before rotation was
        switched off is refused and revokes nothing; Alexa's may still be the predecessor whose answer was lost."""
        row, now = presented.row, self.request.now
        if presented.generation < row["generation"]:
            if self.request.client.row.preset == "alexa":
                return self._of_predecessor(row, presented.generation)
            raise InvalidGrantError(INVALID_TOKEN)
        if now - row["last_used_at"] >= note_after(self.request.client.refresh_idle_lifetime):
            self.server.hot.note(NOTE_USE, which=row["grant_id"], at=now)
        return presented.generation

    def _rotated(self, presented: PresentedGrant) -> int:
        """The generation of the successor. The database decides which of two refreshes rotates; the other is then the
        direct predecessor and gets the same successor. A genuine generation above the stored one means that writes were
        lost (restored backup, fail-over): the row advances to it."""
        row, now = presented.row, self.request.now
        if presented.generation >= row["generation"]:
            successor = presented.generation + 1
            rotated = self.server.hot.change(
                ROTATE_GRANT, which=row["grant_id"], presented=presented.generation, successor=successor, at=now
            )
            if await_(rotated) is not None:
                return successor
            fresh = await_(self.server.hot.read_key(FIND_GRANT, row["grant_id"]))
            if fresh is None or not alive(fresh, self.request.client, now):
                raise InvalidGrantError(INVALID_TOKEN)
            row = fresh
        return self._of_predecessor(row, presented.generation)

    def _of_predecessor(self, row: Row, generation: int) -> int:
        """What an old token still gets: within the grace the direct predecessor gets the same successor again; further
        behind it is refused; outside the grace the family ends (RFC 9700 §4.14.2). For Alexa a predecessor works until
        its successor has been used, and nothing is ever revoked (contracts/alexa.md section 0, decision 2)."""
        client: RegisteredClient = self.request.client
        now = self.request.now
        if is_taken(row, generation, client, now):
            return int(row["generation"])
        if not in_grace(row, client, now) and client.row.preset != "alexa":
            log.warning("refresh token of client %s used again after its grace: the grant ends", client.client_id)
            await_(
                self.server.hot.write(lambda transaction: transaction.run(REVOKE_GRANT, which=row["grant_id"], at=now))
            )
        raise InvalidGrantError(INVALID_TOKEN)

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """Nothing: the generation has moved in `authenticate_user`."""
