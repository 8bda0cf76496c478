"""From an authorization request to a code: the rules of `/oauth2/authorize` and the end of an interaction.

Trust begins once: `addressee` proves that the redirect URI is the client's. Before it failures are pages, after it they
go to the client (contracts/security.md 6.8 to 6.10).
"""

import logging
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
    InvalidRequestError,
    OAuth2Error,
    UnsupportedResponseTypeError,
)
from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError, RequestNotSupportedError
from authlib.oidc.core.errors import RequestURINotSupportedError as RequestUriNotSupportedError
from sqlalchemy.util.concurrency import greenlet_spawn
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, sessions
from authserver.accounts.activity import Kind
from authserver.accounts.browser import Browser
from authserver.models import Interaction, Session, User
from authserver.oauth import interactions
from authserver.oauth.errors import InvalidTargetError, PageError
from authserver.oauth.interactions import Step, next_step
from authserver.oauth.redirects import Addressee
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.server import RESPONSE_TYPES, OAuthServer
from authserver.oauth.tokens import Subject

log = logging.getLogger(__name__)

#: what of a request outlives it, in the interaction
KEPT = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
    "resource", "prompt", "max_age", "login_hint", "ui_locales", "lang",
)  # fmt: skip
#: characters; what is kept for half an hour for anybody who asks must be small (Alexa's `state` has 737)
LONGEST = {"state": 8192, "nonce": 4096, "scope": 4096, "login_hint": 1024, "ui_locales": 1024, "lang": 1024}
BOUND = frozenset({Step.VERIFY, Step.CONSENT, Step.FINISH})  # the steps of somebody who is signed in
PROMPTS = frozenset({"none", "login", "consent", "select_account"})


async def addressee(oauth: OAuthServer, values: dict[str, list[str]]) -> Addressee:
    """To whom the answer may go. Raises `PageError`, with the particulars in the log for the operator only."""
    if any(len(set(values.get(name, []))) > 1 for name in ("client_id", "redirect_uri")):
        raise PageError("repeated_parameter", "The link that brought you here names two different apps or addresses.")
    client_id = values.get("client_id", [""])[0]
    client = await oauth.clients.get(client_id) if client_id else None
    if client is None:
        log.warning("authorize: unknown client_id %r", client_id[:128])
        raise PageError("unknown_client", "The app that sent you here is not registered with this server.")
    redirect_uri = values.get("redirect_uri", [""])[0]
    if redirect_uri:
        if not client.check_redirect_uri(redirect_uri):
            log.warning(
                "authorize: client %s came with redirect_uri %r; registered: %s",
                client_id,
                redirect_uri[:1024],
                client.row.redirect_uris,
            )
            raise PageError(
                "redirect_mismatch", "The app that sent you here wants the answer at an address that is not registered."
            )
        return Addressee(client, redirect_uri, True)
    scope = client.get_allowed_scope(values.get("scope", [""])[0]) or ""
    only = client.get_default_redirect_uri()
    if only is None or "openid" in scope.split():  # OpenID Connect Core §3.1.2.1: REQUIRED
        raise PageError("redirect_uri_missing", "The app that sent you here did not say where the answer shall go.")
    return Addressee(client, only, False)


def collapse(values: dict[str, list[str]]) -> tuple[dict[str, str], bool]:
    """Each parameter once, and whether any came with different values: equal repetitions are mis-filled Alexa forms."""
    return {name: found[0] for name, found in values.items()}, any(len(set(found)) > 1 for found in values.values())


def protocol_request(oauth: OAuthServer, parameters: dict[str, str], now: int, **options: Any) -> ProtocolRequest:
    return ProtocolRequest("GET", f"{oauth.issuer}/oauth2/authorize", parameters, now, **options)


def is_target(resource: str) -> bool:
    """RFC 8707 §2: an absolute URI without fragment; at most the 2000 characters that are stored."""
    try:
        parts = urlsplit(resource)
    except ValueError:
        return False
    if not parts.scheme or not (parts.netloc or parts.path) or "#" in resource:
        return False
    return len(resource) <= 2000 and all(0x21 <= ord(character) <= 0x7E for character in resource)


def _validate(oauth: OAuthServer, request: ProtocolRequest, repeated: bool) -> None:
    """In Authlib's greenlet. Raises `OAuth2Error` for the client."""
    parameters = request.parameters
    if repeated:
        raise InvalidRequestError("A parameter is repeated with different values")
    if "request" in parameters:
        raise RequestNotSupportedError("Request objects are not supported")
    if "request_uri" in parameters:
        raise RequestUriNotSupportedError("request_uri is not supported")
    if not parameters.get("response_type"):
        raise InvalidRequestError("response_type is missing")
    if parameters["response_type"] not in RESPONSE_TYPES:
        raise UnsupportedResponseTypeError("code", description="response_type must be code")
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequestError("response_mode must be query")
    prompts = parameters.get("prompt", "").split()
    if not set(prompts) <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise InvalidRequestError("prompt is none, or of login, consent and select_account")
    max_age = parameters.get("max_age", "0")
    if not (max_age.isdecimal() and len(max_age) <= 9):
        raise InvalidRequestError("max_age is a number of seconds")
    if any(len(parameters.get(name, "")) > longest for name, longest in LONGEST.items()):
        raise InvalidRequestError("A parameter is too long")
    if parameters.get("resource") and not is_target(parameters["resource"]):
        raise InvalidTargetError("resource must be an absolute URI without fragment")
    oauth.get_authorization_grant(request).validate_authorization_request()


async def validate(
    oauth: OAuthServer, to: Addressee, parameters: dict[str, str], now: int, repeated: bool
) -> dict[str, Any]:
    """The request that an interaction keeps. Raises `OAuth2Error` whose `redirect_uri` is the addressee's."""
    request = protocol_request(oauth, {**parameters, "redirect_uri": to.redirect_uri}, now)
    try:
        await greenlet_spawn(_validate, oauth, request, repeated)
    except OAuth2Error as error:
        error.redirect_uri = to.redirect_uri
        raise
    kept = {name: parameters[name] for name in KEPT if parameters.get(name)}
    if to.client.row.preset == "alexa":
        # Alexa never asks for one; a link tampered with must not make tokens that the skill then has to refuse
        kept.pop("resource", None)
    return {**kept, "redirect_uri": to.redirect_uri, "redirect_uri_sent": to.sent, "scope": request.scope}


def freshness(request: dict[str, Any], now: int) -> int:
    """The earliest `auth_time` that satisfies the request's `prompt` and `max_age` (OpenID Connect Core §3.1.2.1)."""
    prompts = str(request.get("prompt", "")).split()
    if "login" in prompts or "select_account" in prompts:
        return now
    return now - int(request["max_age"]) if "max_age" in request else 0


def silent_refusal(step: Step, redirect_uri: str) -> OAuth2Error:
    """`prompt=none` where a page is missing."""
    if step is Step.CONSENT:
        return ConsentRequiredError(redirect_uri=redirect_uri)
    return LoginRequiredError(redirect_uri=redirect_uri)


async def advance(
    oauth: OAuthServer, session: AsyncSession, interaction: Interaction, browser: Session | None, user: User | None
) -> str:
    """The URL that this browser goes to next: the page of what is missing, or the client, with a code.

    `interaction` is bound to the browser's session from the moment that somebody has signed in.
    """
    client = await oauth.clients.get(interaction.client_id, session) if interaction.client_id else None
    if interaction.client_id and client is None:
        raise PageError("unknown_client", "The app that sent you here is no longer registered with this server.")
    step = next_step(interaction, browser, user, client.row if client else None, oauth.clock())
    if step in BOUND and browser is not None and interaction.session_digest is None:
        interactions.bind(session, interaction, browser)
    if step is not Step.FINISH:
        return f"{oauth.issuer}/{step.value}?interaction={interaction.interaction_id}"
    if client is None or browser is None or user is None:
        return f"{oauth.issuer}/{_page_of(interaction.request, user)}"
    await interactions.complete(session, interaction, oauth.clock())
    location = await finish(oauth, session, interaction.request, browser, user)
    if interaction.request.get("prompt") != "none":
        there = Browser({}, browser.user_agent, browser.address)
        name = client.row.client_name
        await activity.note(session, user.sub, Kind.LINKED, oauth.clock(), there, application=name)
    return location


def _page_of(kept: dict[str, Any], user: User | None) -> str:
    """Where a visit without an application ends. Who was asked to sign in again must be the one who did: another person
    sees their own account and not the page that was meant for somebody else."""
    another = "again" in kept and (user is None or user.sub != kept["again"])
    return "account" if another else str(kept.get("page", "account"))


async def finish(oauth: OAuthServer, session: AsyncSession, kept: dict[str, Any], browser: Session, user: User) -> str:
    """Issue the code. The request is validated once more: the client may have changed since the first page."""
    if not await sessions.hold(session, browser):
        raise PageError("session_ended", interactions.START_OVER)
    parameters = {name: value for name, value in kept.items() if isinstance(value, str)}
    now = oauth.clock()
    request = protocol_request(oauth, parameters, now, unit=session)
    request.redirect_uri_sent = bool(kept.get("redirect_uri_sent", True))
    request.subject = Subject(
        sub=user.sub,
        username=user.username,
        email=user.email,
        email_verified=user.email_verified,
        attributes=user.attributes,
        origin_jti="",
        auth_time=browser.auth_time,
        amr=list(browser.amr),
        acr="loa:1",
        issued_at=now,
    )

    def respond() -> Any:
        grant = oauth.get_authorization_grant(request)
        return oauth.create_authorization_response(request, grant_user=user, grant=grant)

    answer = await greenlet_spawn(respond)
    location: str | None = answer.location
    if location is None:
        raise PageError("redirect_mismatch", interactions.START_OVER)
    return location


async def refuse(oauth: OAuthServer, session: AsyncSession, interaction: Interaction) -> str:
    """The person does not want to: `access_denied` goes to the client (RFC 6749 §4.1.2.1)."""
    if interaction.client_id is None:
        return f"{oauth.issuer}/login"
    await interactions.complete(session, interaction, oauth.clock())
    request = protocol_request(
        oauth, {name: value for name, value in interaction.request.items() if isinstance(value, str)}, oauth.clock()
    )
    error = AccessDeniedError("The person did not agree", redirect_uri=interaction.request["redirect_uri"])
    return str(oauth.handle_error_response(request, error).location)
