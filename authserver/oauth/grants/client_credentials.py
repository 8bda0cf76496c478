"""The client credentials grant (RFC 6749 §4.4): a client in its own name, at resource servers (docs/adr/0029)."""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc6749 import grants as authlib_grants

from authserver.oauth import tokens
from authserver.oauth.client_auth import CONFIDENTIAL_METHODS
from authserver.oauth.requests import ProtocolRequest


class ClientCredentialsGrant(authlib_grants.ClientCredentialsGrant):  # type: ignore[misc]
    """`self.server` is an `OAuthServer`. One signature, no row read or written: the client and the resource servers are
    known to the process."""

    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL_METHODS
    request: ProtocolRequest
    target: str | None

    def validate_requested_scope(self) -> None:
        """What a machine may have are its scopes of resource servers: all of them where none is asked for, as Cognito;
        `openid` and its like tell of a person (contracts/cognito.md 1.2). Raises `UnauthorizedClientError`,
        `InvalidScopeError`, `InvalidTargetError`."""
        client, parameters = self.request.client.row, self.request.parameters
        if self.request.client.is_public:  # RFC 6749 §4.4: confidential clients only
            raise UnauthorizedClientError("A client without a secret has no name of its own")
        servers = self.server.resource_servers()
        own = [scope for scope in client.scopes if scope in servers.scopes]
        wanted = list(dict.fromkeys(parameters.get("scope", "").split()))
        if not own or not set(wanted) <= set(own):
            raise InvalidScopeError("A machine has scopes of resource servers alone, those that are its own")
        target = parameters.get("resource") or None
        if target is not None and target != client.audience:
            servers.check(client, [target])
        parameters["scope"] = servers.scope_for(" ".join(wanted or own), target)
        self.target = target

    def generate_token(self, **options: Any) -> Any:
        """Authlib's names nobody for whom the token is."""
        subject = tokens.machine(self.request.client.client_id, self.request.now, self.target, self.request.jkt)
        return super().generate_token(user=subject, **options)
