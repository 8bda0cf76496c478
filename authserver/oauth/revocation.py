"""Revocation (RFC 7009): a refresh token ends with its grant, an access token alone, by its `jti` (docs/adr/0036).

Authlib's class, which authenticates the client; it would answer for another client's token with an error, and refuse a
hint that it does not know. Here the token itself says what it is, and a hint changes nothing (RFC 7009 §2.1).
"""

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from sqlalchemy.util.concurrency import await_

from authserver.oauth import access_token, refresh_token
from authserver.oauth.client_auth import METHODS
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.errors import UnsupportedTokenTypeError
from authserver.oauth.requests import ProtocolRequest
from authserver.storage.hot import Statement
from authserver.storage.statements import FIND_GRANT, REVOKE_ACCESS_TOKEN, REVOKE_GRANT


@dataclass(frozen=True)
class Ending:
    """What ends this client's token."""

    statement: Statement
    parameters: dict[str, Any]


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """`self.server` is an `OAuthServer`. Raises `StorageError`: what was not revoked is never answered with 200 (fosite
    CVE-2020-15223)."""

    CLIENT_AUTH_METHODS = METHODS

    def check_params(self, request: ProtocolRequest, client: RegisteredClient) -> None:
        if not request.form.get("token"):
            raise InvalidRequestError("token is missing")

    def authenticate_token(self, request: ProtocolRequest, client: RegisteredClient) -> Ending | None:
        """None for a token that is unknown, ended, or another client's: nothing happens to it (RFC 7009 §2.2). Raises
        `UnsupportedTokenTypeError` for what cannot be revoked, `UnknownKeyError` for a key that is not loaded (503)."""
        self.check_params(request, client)
        value: str = request.form["token"]
        presented = refresh_token.read(value)
        if presented is not None:
            return self._grant_of(presented, request, client)
        return self._alone(value, request, client) if value.count(".") == 2 and value.startswith("eyJ") else None

    def _grant_of(
        self, presented: refresh_token.PresentedToken, request: ProtocolRequest, client: RegisteredClient
    ) -> Ending | None:
        row = await_(self.server.hot.read_key(FIND_GRANT, presented.grant_id))
        seed = row["seed"] if row is not None else bytes(32)
        genuine = refresh_token.is_genuine(presented, self.server.secret_keys, client.client_id, seed)
        if row is None or not genuine:
            return None
        return Ending(REVOKE_GRANT, {"which": row["grant_id"], "at": request.now})

    def _alone(self, value: str, request: ProtocolRequest, client: RegisteredClient) -> Ending | None:
        if not client.row.revoke_access_tokens:  # Cognito's answer
            raise UnsupportedTokenTypeError("Only refresh tokens can be revoked here")
        claims = access_token.verify(self.server.keys, self.server.issuer, value, request.now)
        if claims is None:
            signed = access_token.signed_by_us(self.server.keys, value)
            if signed is not None and signed.header.get("typ") != "at+jwt":
                raise UnsupportedTokenTypeError("Only access and refresh tokens can be revoked")
            return None
        if claims.get("client_id") != client.client_id:
            return None
        return Ending(REVOKE_ACCESS_TOKEN, {"jti": claims["jti"], "expires_at": claims["exp"]})

    def revoke_token(self, token: Ending, request: ProtocolRequest) -> None:
        await_(self.server.hot.execute(token.statement, **token.parameters))
