"""From an authorization request to a code: the rules of `/oauth2/authorize` and the end of an interaction.

Trust begins once: `incoming.addressee` proves that the redirect URI is the client's. Before it failures are pages,
after it they go to the client (contracts/security.md 6.8 to 6.10).
"""

import logging
from typing import Any

from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
    InvalidRequestError,
    OAuth2Error,
    UnsupportedResponseTypeError,
)
from authlib.oidc.core.errors import (
    AccountSelectionRequiredError,
    ConsentRequiredError,
    InteractionRequiredError,
    LoginRequiredError,
)
from authlib.oidc.core.errors import RequestURINotSupportedError as RequestUriNotSupportedError
from sqlalchemy.util.concurrency import greenlet_spawn
from sqlmodel.ext.asyncio.session import AsyncSession

from authserver.accounts import activity, assurance, sessions
from authserver.accounts.activity import Kind
from authserver.accounts.browser import Browser
from authserver.languages import N_
from authserver.models import Client, Interaction, Session, User
from authserver.oauth import consents, device_codes, id_token_hint, interactions, pushed, requested_claims, resources
from authserver.oauth.consents import Remembered
from authserver.oauth.device_codes import DEVICE
from authserver.oauth.dpop.binding import authorization_key
from authserver.oauth.errors import PageError, UnmetAuthenticationRequirementsError
from authserver.oauth.interactions import Step, next_step
from authserver.oauth.redirects import Addressee, Reply, allows_mode, reply
from authserver.oauth.requests import ProtocolRequest
from authserver.oauth.server import RESPONSE_TYPES, OAuthServer
from authserver.oauth.tokens import Subject

log = logging.getLogger(__name__)

#: what of a request outlives it, in the interaction
KEPT = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
    "resource", "prompt", "max_age", "acr_values", "login_hint", "ui_locales", "lang", "dpop_jkt", "response_mode",
)  # fmt: skip
#: characters; what is kept for half an hour for anybody who asks must be small (Alexa's `state` has 737)
LONGEST = {
    "state": 8192, "nonce": 4096, "scope": 4096, "claims": 4096, "acr_values": 1024, "ui_locales": 1024, "lang": 1024,
    "prompt": 64,
}  # fmt: skip
BOUND = frozenset({Step.VERIFY, Step.CONSENT, Step.FINISH})  # the steps of somebody who is signed in
DEVICE_CODE_OVER = N_("The code of your device is too old, or was used. Start again at the device.")
LONGEST_NAME = 254  # characters of an address or a user name
PROMPTS = frozenset({"none", "login", "consent", "select_account"})


def protocol_request(oauth: OAuthServer, parameters: dict[str, str], now: int, **options: Any) -> ProtocolRequest:
    return ProtocolRequest("GET", f"{oauth.issuer}/oauth2/authorize", parameters, now, **options)


def _validate(oauth: OAuthServer, to: Addressee, request: ProtocolRequest, repeated: bool) -> None:
    """In Authlib's greenlet. Raises `OAuth2Error` for the client."""
    parameters = request.parameters
    if repeated:
        raise InvalidRequestError("A parameter is repeated with different values")
    if "request_uri" in parameters:  # what was pushed here has been taken in its place (`incoming`)
        raise RequestUriNotSupportedError("request_uri is one that was pushed here, and nothing else")
    if not parameters.get("response_type"):
        raise InvalidRequestError("response_type is missing")
    if parameters["response_type"] not in RESPONSE_TYPES:
        raise UnsupportedResponseTypeError("code", description="response_type must be code")
    if not allows_mode(to.client.row, to.redirect_uri, parameters.get("response_mode", "query")):
        raise InvalidRequestError("response_mode is none that this client may use")
    prompts = consents.prompts(parameters)
    if not set(prompts) <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise InvalidRequestError("prompt is none, or of login, consent and select_account")
    max_age = parameters.get("max_age", "0")
    if not (max_age.isdecimal() and len(max_age) <= 9):
        raise InvalidRequestError("max_age is a number of seconds")
    if any(len(parameters.get(name, "")) > longest for name, longest in LONGEST.items()):
        raise InvalidRequestError("A parameter is too long")
    named = resources.split(parameters["resource"]) if parameters.get("resource") else []
    authorization_key(parameters)
    oauth.get_authorization_grant(request).validate_authorization_request()
    if named and request.client.row.preset != "alexa":  # where it is dropped, whatever it is
        oauth.resource_servers().check(request.client.row, named)


async def validate(
    oauth: OAuthServer, to: Addressee, parameters: dict[str, str], now: int, repeated: bool
) -> dict[str, Any]:
    """The request that an interaction keeps. Raises `OAuth2Error` whose `redirect_uri` is the addressee's."""
    request = protocol_request(oauth, {**parameters, "redirect_uri": to.redirect_uri}, now)
    try:
        await greenlet_spawn(_validate, oauth, to, request, repeated)
        asked = requested_claims.read(parameters.get("claims") or "{}", to.client.row.scopes)
        hinted = id_token_hint.read(oauth.keys, oauth.issuer, to.client.client_id, parameters.get("id_token_hint", ""))
        if hinted is not None and asked.sub not in ("", hinted.sub):
            raise InvalidRequestError("claims and id_token_hint name different people")
    except OAuth2Error as error:
        error.redirect_uri = to.redirect_uri
        raise
    kept: dict[str, Any] = {name: parameters[name] for name in KEPT if parameters.get(name)}
    if to.client.row.default_max_age is not None:  # OpenID Connect Registration §2: the request's own goes before it
        kept.setdefault("max_age", str(to.client.row.default_max_age))
    kept |= asked.kept()
    if subject := hinted.sub if hinted else asked.sub:
        kept[interactions.HINTED_SUB] = oauth.keys.account_of(to.client.row, subject)
    if hinted is not None and hinted.email:
        kept.setdefault("login_hint", hinted.email)
    if len(kept.get("login_hint", "")) > LONGEST_NAME:  # nobody's name: half of one is of no use to anybody
        del kept["login_hint"]
    if to.client.row.preset == "alexa":
        # Alexa never asks for one; a link tampered with must not make tokens that the skill then has to refuse, nor a
        # linking that cannot end
        kept.pop("resource", None)
        kept.pop("response_mode", None)
        kept.pop("acr_values", None)
        kept.pop("claims", None)
        kept.pop("dpop_jkt", None)
        kept.pop(interactions.HINTED_SUB, None)
    return {**kept, "redirect_uri": to.redirect_uri, "redirect_uri_sent": to.sent, "scope": request.scope}


def freshness(request: dict[str, Any], now: int) -> int:
    """The earliest `auth_time` that satisfies the request's `prompt` and `max_age` (OpenID Connect Core §3.1.2.1);
    `max_age=0` is `prompt=login`."""
    max_age = int(request["max_age"]) if "max_age" in request else None
    if "login" in consents.prompts(request) or max_age == 0:
        return interactions.OWN_SIGN_IN
    return 0 if max_age is None else now - max_age


#: `prompt=none`: what the client is told where this page is missing (OpenID Connect Core §3.1.2.6)
SILENT_REFUSALS: dict[Step, type[OAuth2Error]] = {
    Step.SIGN_IN: LoginRequiredError,
    Step.SECOND_FACTOR: InteractionRequiredError,  # somebody is signed in, with less than `acr_values`
    Step.NEW_PASSWORD: LoginRequiredError,
    Step.CHOOSE_ACCOUNT: AccountSelectionRequiredError,
    Step.VERIFY: InteractionRequiredError,
    Step.CONSENT: ConsentRequiredError,
}


async def silently(
    oauth: OAuthServer,
    session: AsyncSession,
    kept: dict[str, Any],
    to: Addressee,
    browser: Session | None,
    user: User | None,
) -> Reply:
    """`prompt=none`: the client gets a code or an error, the person no page, and nothing is kept of the request."""
    now, client = oauth.clock(), to.client.row
    interaction, _cookie = interactions.passing(
        oauth.settings, now, client_id=client.client_id, request=kept, auth_not_before=freshness(kept, now)
    )
    remembered = await consents.find(session, user, client)
    step = next_step(interaction, browser, user, client, now, remembered)
    if step is Step.FINISH and browser is not None and user is not None:
        location = await conclude(oauth, session, interaction, client, browser, user, remembered)
        if not isinstance(location, Step):
            return location
        step = location
    error = SILENT_REFUSALS[step]()
    await pushed.consume(session, kept, now)
    return reply(to.redirect_uri, oauth.issuer, kept, {"error": str(error.error)})


async def advance(
    oauth: OAuthServer, session: AsyncSession, interaction: Interaction, browser: Session | None, user: User | None
) -> Reply:
    """The URL that this browser goes to next: the page of what is missing, or the client, with a code.

    `interaction` is bound to the browser's session from the moment that somebody has signed in.
    """
    client = await oauth.clients.get(interaction.client_id, session) if interaction.client_id else None
    if interaction.client_id and client is None:
        raise PageError(
            "unknown_client", "The app that sent you here is no longer registered with this server.", go_back=True
        )
    row = client.row if client else None
    if browser is not None and user is not None and interactions.is_another(interaction, browser, user):
        return await _refuse(oauth, session, interaction, LoginRequiredError("Somebody else has signed in"))
    remembered = await consents.find(session, user, row)
    step = next_step(interaction, browser, user, row, oauth.clock(), remembered)
    if step in BOUND and browser is not None and interaction.session_digest is None:
        interactions.bind(session, interaction, browser)
    if step is Step.FINISH:
        if row is None or browser is None or user is None:
            return f"{oauth.issuer}/{_page_of(interaction.request, user)}"
        await interactions.complete(session, interaction, oauth.clock())
        location = await conclude(oauth, session, interaction, row, browser, user, remembered)
        if not isinstance(location, Step):
            return location
        await interactions.reopen(session, interaction)
        step = location
    return f"{oauth.issuer}/{step.value}?interaction={interaction.interaction_id}"


def _page_of(kept: dict[str, Any], user: User | None) -> str:
    """Where a visit without an application ends. Who was asked to sign in again must be the one who did: another person
    sees their own account and not the page that was meant for somebody else."""
    another = "again" in kept and (user is None or user.sub != kept["again"])
    return "account" if another else str(kept.get("page", "account"))


async def conclude(
    oauth: OAuthServer,
    session: AsyncSession,
    interaction: Interaction,
    client: Client,
    browser: Session,
    user: User,
    remembered: Remembered | None,
) -> Reply | Step:
    """The client's URL, with a code; or the step that is missing after all, since what the code was to rest on has just
    ended. Session and consent are held before the code is written: whoever ends one of them comes before, or finds the
    code."""
    if not await sessions.hold(session, browser):
        return Step.SIGN_IN
    now = oauth.clock()
    if not await consents.settle(session, interaction, client, user, remembered, now):
        return Step.CONSENT
    if DEVICE in interaction.request:
        acr = assurance.acr_of(browser.amr, str(interaction.request.get("acr_values", "")))
        if not await device_codes.approve(session, interaction, browser, user, acr, now):
            raise PageError("device_code_over", DEVICE_CODE_OVER)
    await pushed.consume(session, interaction.request, now)
    if interaction.consented:
        seen = Browser({}, browser.user_agent, browser.address)
        await activity.note(session, user.sub, Kind.LINKED, now, seen, application=client.client_name)
    if DEVICE in interaction.request:
        return f"{oauth.issuer}/{device_codes.END}?result={device_codes.APPROVED}"
    return await finish(oauth, session, interaction.request, browser, user)


async def finish(
    oauth: OAuthServer, session: AsyncSession, kept: dict[str, Any], browser: Session, user: User
) -> Reply:
    """Issue the code. The request is validated once more: the client may have changed since the first page. What the
    code rests on is held by the caller."""
    parameters = {name: value for name, value in kept.items() if isinstance(value, str)}
    now = oauth.clock()
    request = protocol_request(oauth, parameters, now, unit=session)
    request.redirect_uri_sent = bool(kept.get("redirect_uri_sent", True))
    request.requested_claims = kept.get("claims", {})
    request.subject = Subject(
        sub=user.sub,
        username=user.username,
        email=user.email,
        email_verified=user.email_verified,
        attributes=user.attributes,
        origin_jti="",
        auth_time=browser.auth_time,
        amr=list(browser.amr),
        acr=assurance.acr_of(browser.amr, str(kept.get("acr_values", ""))),
        issued_at=now,
        sid=browser.sid,
    )

    def respond() -> Any:
        grant = oauth.get_authorization_grant(request)
        return oauth.create_authorization_response(request, grant_user=user, grant=grant)

    answer = await greenlet_spawn(respond)
    back: Reply | None = answer.reply
    if back is None:
        raise PageError("redirect_mismatch", interactions.START_OVER)
    return back


async def refuse(oauth: OAuthServer, session: AsyncSession, interaction: Interaction) -> Reply:
    """The person does not want to: `access_denied` goes to the client (RFC 6749 §4.1.2.1)."""
    return await _refuse(oauth, session, interaction, AccessDeniedError("The person did not agree"))


async def cannot_reach(oauth: OAuthServer, session: AsyncSession, interaction: Interaction) -> Reply:
    """No factor that the person has reaches the `acr_values` that are asked for: the client is told (docs/adr/0017)."""
    error = UnmetAuthenticationRequirementsError("The person has no factor that reaches acr_values")
    return await _refuse(oauth, session, interaction, error)


async def _refuse(oauth: OAuthServer, session: AsyncSession, interaction: Interaction, error: OAuth2Error) -> Reply:
    if interaction.client_id is None:
        return f"{oauth.issuer}/login"
    await interactions.complete(session, interaction, oauth.clock())
    if DEVICE in interaction.request:  # it is told at its next poll
        await device_codes.deny(session, interaction, oauth.clock())
        return f"{oauth.issuer}/{device_codes.END}?result={device_codes.DENIED}"
    await pushed.consume(session, interaction.request, oauth.clock())
    request = protocol_request(
        oauth, {name: value for name, value in interaction.request.items() if isinstance(value, str)}, oauth.clock()
    )
    error.redirect_uri = interaction.request["redirect_uri"]
    back: Reply | None = oauth.handle_error_response(request, error).reply
    assert back is not None  # there is a redirect URI
    return back
