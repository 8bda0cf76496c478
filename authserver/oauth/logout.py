"""A client asks to sign somebody out (OpenID Connect RP-Initiated Logout 1.0): what its request amounts to.

Authlib's endpoint has the rules; which tokens are hints of ours, and what of it needs the person's word, is ours. Where
something is wrong with the request nobody is sent anywhere (§4); the person is asked instead of being shown an error:
whoever came here wants to sign out.
"""

import logging
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oidc.rpinitiated import EndSessionEndpoint
from sqlalchemy.util.concurrency import greenlet_spawn

from authserver.models import Session
from authserver.oauth.access_token import signed_by_us
from authserver.oauth.clients import RegisteredClient
from authserver.oauth.redirects import with_query
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.server import OAuthServer

log = logging.getLogger(__name__)

#: what of a request is looked at, and kept while the person is asked
PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")
LONGEST_STATE = 8192  # characters


@dataclass(frozen=True)
class LogoutRequest:
    """`sid`: the session that the hint is of, by its own name; `location`: where the browser may go afterwards, '' for
    nowhere; `kept`: the parameters that are needed once more when the person has agreed."""

    client: RegisteredClient | None
    sid: str | None
    location: str
    redirect_uri: str
    kept: dict[str, str]

    def is_of(self, browser: Session) -> bool:
        """Whether the client knows this very session: nobody else has its ID token (contracts/security.md 6.78)."""
        return self.sid is not None and self.sid == browser.sid


NOTHING = LogoutRequest(None, None, "", "", {})


class EndSession(EndSessionEndpoint):  # type: ignore[misc]
    """Authlib's, with our clients and tokens; only `validate_request` is used: the page does the rest."""

    server: OAuthServer

    def _validate_id_token_hint(self, id_token_hint: str) -> dict[str, Any]:
        """An ID token of ours and no other token. It may have expired (§2: a recent session), but no longer ago than a
        session may last: an old one from a log or a backup leads nowhere (CVE-2026-16206)."""
        token = signed_by_us(self.server.keys, id_token_hint, in_the_past=True)
        claims: dict[str, Any] = token.claims if token is not None and token.header.get("typ") == "JWT" else {}
        expires = claims.get("exp")
        if (
            claims.get("iss") != self.server.issuer
            or claims.get("token_use") != "id"
            or not isinstance(claims.get("aud"), str)
            or not isinstance(expires, int)
        ):
            raise InvalidRequestError("id_token_hint is not an ID token of this server")
        if expires + self.server.settings.session_absolute_lifetime <= self.server.clock():
            raise InvalidRequestError("id_token_hint is of a session that is long over")
        return claims

    def _is_valid_post_logout_redirect_uri(self, client: RegisteredClient, post_logout_redirect_uri: str) -> bool:
        """§3.1: exact string comparison."""
        return post_logout_redirect_uri in client.row.post_logout_redirect_uris


async def read(oauth: OAuthServer, parameters: dict[str, str]) -> LogoutRequest:
    """Never fails: what is wrong is for the operator's log, and asks nothing but to sign out."""
    given = {name: parameters[name] for name in PARAMETERS if parameters.get(name)}
    state = given.pop("state", "")
    request = ProtocolRequest("GET", f"{oauth.issuer}/oauth2/logout", given, oauth.clock())
    try:
        found = await greenlet_spawn(EndSession(oauth).validate_request, request)
        if len(state) > LONGEST_STATE:
            raise InvalidRequestError("state is too long")
    except OAuth2Error as error:
        log.info("logout: %s", error.description)
        return NOTHING
    uri = found.redirect_uri or ""
    if given.get("post_logout_redirect_uri") and not uri:
        log.info("logout: nobody is sent back to a client: no hint, or an address that is not registered")
        return LogoutRequest(found.client, None, "", "", {})
    return LogoutRequest(
        found.client,
        _sid(oauth, found.client, (found.id_token_claims or {}).get("sid")),
        with_state(uri, state) if uri else "",
        uri,
        given | ({"state": state} if state else {}),
    )


def _sid(oauth: OAuthServer, client: RegisteredClient | None, told: object) -> str | None:
    """The session's own name, whatever this client knows it by; a client that is gone may have known that one."""
    if not isinstance(told, str):
        return None
    return oauth.keys.sid_of(client.row, told) if client is not None else told


def with_state(uri: str, state: str) -> str:
    """The registered URI untouched, with `state` as it came (§2)."""
    return with_query(uri, {"state": state}) if state else uri
