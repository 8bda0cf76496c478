"""Token exchange (RFC 8693): a client that was given another's access token gets one of its own, for no more than that
(docs/adr/0039). Authlib has no class for it; this one has the form of its grants."""

import logging
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc6749.hooks import hooked
from sqlalchemy.util.concurrency import await_

from authserver.oauth import live
from authserver.oauth.client_auth import CONFIDENTIAL_METHODS
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.errors import InvalidTargetError
from authserver.oauth.live import LiveAccessToken
from authserver.oauth.presets import TOKEN_EXCHANGE
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.resources import ResourceServers
from authserver.oauth.tokens import Subject
from authserver.storage.hot import Row

log = logging.getLogger(__name__)

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
MOST_ACTORS = 4
#: RFC 8693 §2.2.2: whatever is wrong with it. One answer for all, so that nobody learns what a found token is good for.
UNACCEPTABLE = "The subject token is not valid, or not one that this client may exchange"


def actors(claims: dict[str, Any]) -> list[str]:
    """The clients that have acted, the last one first (RFC 8693 §4.1)."""
    found: list[str] = []
    act = claims.get("act")
    while isinstance(act, dict):
        found.append(str(act.get("sub")))
        act = act.get("act")
    return found


def acting(client_id: str, claims: dict[str, Any]) -> dict[str, Any]:
    """`act` of the new token: this client, and within it those before. One that exchanges its own stands there once."""
    before = claims.get("act")
    if not isinstance(before, dict):
        return {"sub": client_id}
    return before if before.get("sub") == client_id else {"sub": client_id, "act": before}


def audiences(claims: dict[str, Any]) -> list[str]:
    aud = claims.get("aud")
    return [aud] if isinstance(aud, str) else list(aud or ())


def target_of(
    servers: ResourceServers, client: RegisteredClient, bound_to: list[str], resource: str | None, audience: str | None
) -> str | None:
    """For whom the new token is. A token for one resource server leads to another only where the operator has named
    that one for this client (`Client.resources`): "any that is registered" was said of other people's requests.

    `bound_to`: the `aud` of the subject token, which stays where nothing is asked for. Raises `InvalidTargetError`.
    """
    if resource and audience and resource != audience:
        raise InvalidTargetError("resource and audience name two: a token is for one")
    asked = resource or audience
    if not asked and len(bound_to) > 1:
        raise InvalidTargetError("The subject token is for several: name one of them")
    target = asked or (bound_to[0] if bound_to else None)
    if target is None or (target == client.row.audience and (not bound_to or target in bound_to)):
        return target
    named = target in client.row.resources
    if target in bound_to:
        if client.row.resources and not named:
            raise InvalidTargetError("The subject token is for a resource server that this client may not name")
        return target
    servers.check(client.row, [target])
    if bound_to and not named:
        raise InvalidTargetError("The subject token is for another resource server")
    return target


class TokenExchangeGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """`self.server` is an `OAuthServer`. Two reads, nothing is written: no refresh token, and the new token ends with
    the old one's grant, at the latest when the old one would have expired."""

    GRANT_TYPE = TOKEN_EXCHANGE
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL_METHODS
    request: ProtocolRequest
    claims: dict[str, Any]  # of the subject token
    row: Row  # its grant, with the person as they are now
    target: str | None

    def validate_token_request(self) -> None:
        """Client, form, subject token, policy, target and scope, in this order. Raises `InvalidRequestError`,
        `UnauthorizedClientError`, `InvalidTargetError`, `InvalidScopeError`."""
        client = self.authenticate_token_endpoint_client()
        self.request.client = client
        if client.is_public or not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("This client may not exchange tokens")
        parameters = self.request.parameters
        self._check_form(parameters)
        found = await_(live.find(self.server, parameters["subject_token"], self.request.now))
        if found is None or found.row is None or not self._may_exchange(found, found.row):
            raise InvalidRequestError(UNACCEPTABLE)
        self.claims, self.row = found.claims, found.row
        servers = self.server.resource_servers()
        bound_to = audiences(found.claims)
        self.target = target_of(servers, client, bound_to, parameters.get("resource"), parameters.get("audience"))
        parameters["scope"] = servers.scope_for(self._scope(str(found.claims["scope"])), self.target)

    def _check_form(self, parameters: dict[str, str]) -> None:
        """RFC 8693 §2.1."""
        if not parameters.get("subject_token"):
            raise InvalidRequestError("subject_token is missing")
        if parameters.get("subject_token_type") != ACCESS_TOKEN:
            raise InvalidRequestError("subject_token_type must be that of an access token")
        if parameters.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
            raise InvalidRequestError("requested_token_type must be that of an access token")
        if "actor_token" in parameters or "actor_token_type" in parameters:
            raise InvalidRequestError("actor_token is not taken: the client that authenticates is who acts")

    def _may_exchange(self, found: LiveAccessToken, row: Row) -> bool:
        """Every client that the token has been through must be named by this one, and still be a client: else two
        exchanges, each of which is allowed, lead where none was to lead."""
        own, claims = self.request.client, found.claims
        before = actors(claims)
        if len(before) > MOST_ACTORS or row["expires_at"] <= self.request.now:
            return False
        if "cnf" in claims:  # who cannot prove its key must not get one that needs none (RFC 9449 §1)
            return False
        through = {str(row["client_id"]), found.client.client_id, *before} - {own.client_id}
        return through <= set(own.row.exchange_from) and all(map(self.server.query_client, through))

    def _scope(self, given: str) -> str:
        """Of the subject token's scopes those that are also this client's; asked for, none that is not among them."""
        common = [scope for scope in given.split() if scope in self.request.client.row.scopes]
        wanted = list(dict.fromkeys(self.request.parameters.get("scope", "").split()))
        if not common or not set(wanted) <= set(common):
            raise InvalidScopeError("The scope is wider than that of the subject token, or not this client's")
        return " ".join(wanted or common)

    def _subject(self) -> Subject:
        return Subject.of_row(
            self.row,
            self.request.now,
            self.row["origin_jti"],
            resource=self.target,
            jkt=self.request.jkt,
            expires_at=int(self.claims["exp"]),
            actor=acting(self.request.client.client_id, self.claims),
        )

    @hooked  # type: ignore[untyped-decorator]
    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        """RFC 8693 §2.2.1."""
        token = self.generate_token(user=self._subject(), scope=self.request.payload.scope, include_refresh_token=False)
        self.save_token(token)
        log.info(
            "token exchange: client %s for the link %s of client %s",
            self.request.client.client_id,
            self.row["origin_jti"],
            self.row["client_id"],
        )
        return 200, token | {"issued_token_type": ACCESS_TOKEN}, self.TOKEN_RESPONSE_HEADER
