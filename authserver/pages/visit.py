"""Who is here and what for: the interaction of this browser, its session, and the application that waits."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts import assurance, entry, known_devices, recovery, remembered, second_factor, sessions
from authserver.accounts.entry import Browser, Proof
from authserver.accounts.lockout import Passes
from authserver.accounts.second_factor import asking
from authserver.models import Client, Interaction, Session, User
from authserver.oauth import authorization, consents, interactions
from authserver.oauth.consents import Remembered
from authserver.oauth.errors import KEEP_ON, PageError
from authserver.oauth.interactions import Step
from authserver.oauth.redirects import FormPost, Reply
from authserver.pages import logos
from authserver.pages.form_post import form_post_page
from authserver.pages.forms import check_token, session_cookie, session_token
from authserver.pages.language import asked, settle
from authserver.pages.render import go, services_of
from authserver.settings import Settings, is_loopback

STRONG = " ".join(assurance.LEVELS[2:])  # `acr_values` that no password reaches alone


@dataclass
class Visit:
    """One browser at one interaction, as of this request."""

    interaction: Interaction
    browser: Session | None
    user: User | None
    client: Client | None
    cookie: str
    csrf: str
    now: int
    remembered: Remembered | None = None  # what this person agreed to before
    logo: str = ""  # path of the application's picture; '' for none

    @property
    def step(self) -> Step:
        return interactions.next_step(self.interaction, self.browser, self.user, self.client, self.now, self.remembered)

    @property
    def query(self) -> str:
        return f"?interaction={self.interaction.interaction_id}"

    @property
    def redirect_uri(self) -> str:
        """'' for a visit that ends here."""
        return str(self.interaction.request.get("redirect_uri", ""))

    @property
    def again(self) -> bool:
        """Somebody who is signed in does so once more before something important is changed (`fresh_owner`)."""
        return "again" in self.interaction.request

    @property
    def application(self) -> str:
        return self.client.client_name if self.client else ""

    @property
    def returns_to(self) -> str:
        """The host that the browser goes to afterwards, as a person reads it."""
        parts = urlsplit(self.redirect_uri)
        return parts.netloc if parts.scheme in ("http", "https") else parts.scheme

    @property
    def returns_here(self) -> bool:
        """It goes to a program on this very machine."""
        return urlsplit(self.redirect_uri).scheme not in ("http", "https") or is_loopback(self.redirect_uri)


async def load(
    request: Request, session: AsyncSession, form: dict[str, str] | None = None, interaction_id: str | None = None
) -> Visit:
    """The interaction that the URL names, or this one. Raises `PageError` when it is not this browser's, or the form
    was not made for it."""
    services = services_of(request)
    settings, now = services.settings, services.clock()
    interaction_id, cookie = _named(request, interaction_id)
    interaction = await interactions.load(settings, session, now, interaction_id, request.cookies)
    if form is not None:
        check_token(services.secret_keys, form, interaction_id, cookie)
    browser, user = await sessions.find(settings, session, now, request.cookies, note=form is None)
    client = await services.clients.get(interaction.client_id, session) if interaction.client_id else None
    settle(request, interaction, user)
    return Visit(
        interaction,
        browser,
        user,
        client.row if client else None,
        cookie,
        interactions.csrf_token(services.secret_keys.current, interaction_id, cookie),
        now,
        await consents.find(session, user, client.row if client else None),
        logos.path(client),
    )


async def look(request: Request, form: dict[str, str]) -> Visit:
    """As `load`, on the hot path and without the browser's session: for a form that changes nothing before it has been
    judged, and that a storm may send."""
    services = services_of(request)
    interaction_id, cookie = _named(request)
    check_token(services.secret_keys, form, interaction_id, cookie)
    now = services.clock()
    interaction = await interactions.look(services.settings, services.hot, now, interaction_id, request.cookies)
    client = await services.clients.get(interaction.client_id) if interaction.client_id else None
    csrf = interactions.csrf_token(services.secret_keys.current, interaction_id, cookie)
    settle(request, interaction, None)
    return Visit(interaction, None, None, client.row if client else None, cookie, csrf, now, None, logos.path(client))


def _named(request: Request, interaction_id: str | None = None) -> tuple[str, str]:
    """The interaction's id and the value of its cookie. Raises `PageError` where this browser has none."""
    if interaction_id is None:
        interaction_id = request.query_params.get("interaction", "")
    cookie = request.cookies.get(interactions.cookie_name(services_of(request).settings, interaction_id))
    if cookie is None:
        raise PageError("interaction_not_found", interactions.START_OVER)
    return interaction_id, cookie


@dataclass
class Owner:
    """Who is signed in at this browser, with a confirmed address; `csrf` is for the forms of this session."""

    browser: Session
    user: User
    csrf: str


async def owner(request: Request, page: str, form: dict[str, str] | None = None) -> Owner | Response:
    """For pages of a person's own account: who it is, or the way to sign-in and from there to `page` (one of ours).
    Raises `PageError` when the form was not made for this session.

    In a unit of work of its own, which may note the session's use: what the page then does begins with the account.
    """
    services = services_of(request)
    async with services.database.unit() as session:
        browser, user = await sessions.find(services.settings, session, services.clock(), request.cookies)
    if browser is None or user is None or not user.email_verified:
        return await _lead(request, "login", {"page": page})
    if form is not None:
        check_token(services.secret_keys, form, "session", session_cookie(request))
    settle(request, None, user)
    return Owner(browser, user, session_token(request))


async def fresh_owner(request: Request, page: str, form: dict[str, str] | None = None) -> Owner | Response:
    """As `owner`, for what changes something important: who signed in longer ago than the setting says does so again,
    and is led back to `page`, as the same person: another one who signs in there is led to their own account, and
    nothing is carried over. A form that comes too late is filled in once more. Raises `PageError` as `owner` does.
    """
    found = await owner(request, page, form)
    services = services_of(request)
    if not isinstance(found, Owner) or is_fresh(services.settings, found.browser, services.clock()):
        return found
    kept = {"page": page, "again": found.user.sub, "login_hint": found.user.email}
    return await _lead(request, "login", kept, interactions.OWN_SIGN_IN)


async def strong_owner(request: Request, page: str, form: dict[str, str] | None = None) -> Owner | Response:
    """As `fresh_owner`, for what signs in: who has a second factor has proved it in this session."""
    return await with_factor(request, page, await fresh_owner(request, page, form))


async def with_factor(request: Request, page: str, found: Owner | Response) -> Owner | Response:
    """Who has a second factor has proved it in this session. A browser that is remembered, or a session from before it
    was set up, is asked for it: the password alone removes nothing."""
    if not isinstance(found, Owner) or assurance.is_strong(found.browser.amr):
        return found
    services = services_of(request)
    async with services.database.unit() as session:
        held = await second_factor.held(services.settings, session, found.user)
    if not held.set_up:
        return found
    return await _lead(request, "second-factor", {"page": page, "acr_values": STRONG})


def is_fresh(settings: Settings, browser: Session, now: int) -> bool:
    """Whether this person signed in not long ago, from the first factor on: a step-up did not ask for the password."""
    return browser.signed_in_at > now - settings.fresh_sign_in


async def begin(request: Request, page: str) -> Response:
    """A page opened directly gets an interaction that leads to no application. Cognito's pages also take the parameters
    of the authorization endpoint: those go there."""
    if "client_id" in request.query_params:
        query = request.scope["query_string"].decode("latin-1")
        return go(f"{services_of(request).settings.issuer}/oauth2/authorize?{query}")
    return await _lead(request, page, {})


@dataclass(frozen=True)
class Began:
    """A new interaction of this browser that leads to no application, and the cookie that `keep` gives it."""

    interaction_id: str
    cookie: str

    def keep(self, request: Request, response: Response) -> Response:
        """The same answer, with the cookie."""
        settings = services_of(request).settings
        interactions.keep(settings, request.cookies, response, self.interaction_id, self.cookie)
        return response


async def begin_here(request: Request, kept: dict[str, str], *, auth_not_before: int = 0) -> Began:
    """`kept`: `page` of ours that it leads to, and the like. `PageError` where this network has begun too much."""
    services, settings, now = services_of(request), services_of(request).settings, services_of(request).clock()
    async with services.database.unit(keep_on=KEEP_ON) as session:
        await interactions.admit(settings, services.secret_keys, session, now, network_address(request))
        interaction, cookie = await interactions.create(
            settings, session, now, client_id=None, request=asked(request) | kept, auth_not_before=auth_not_before
        )
    return Began(interaction.interaction_id, cookie)


async def _lead(request: Request, page: str, kept: dict[str, str], auth_not_before: int = 0) -> Response:
    began = await begin_here(request, kept, auth_not_before=auth_not_before)
    return began.keep(request, go(f"{services_of(request).settings.issuer}/{page}?interaction={began.interaction_id}"))


async def onward(
    request: Request, session: AsyncSession, visit: Visit, signed_in: tuple[Session, str, User] | None = None
) -> Response:
    """To the next page, or back to the application. `signed_in`: who has just signed in, with the new cookie."""
    services = services_of(request)
    if signed_in is not None:
        visit.browser, cookie, visit.user = signed_in
        interactions.bind(session, visit.interaction, visit.browser)
    location = await authorization.advance(services.oauth, session, visit.interaction, visit.browser, visit.user)
    response = leave(request, visit, location)
    return response if signed_in is None else remember(request, response, cookie)


async def enter(
    request: Request, session: AsyncSession, visit: Visit, proof: Proof, *, skips_next_time: bool = False
) -> Response:
    """Somebody has proved who they are: on with a session, or to what they still have to prove. In the caller's unit of
    work, which holds the account. `skips_next_time`: the second factor, in this browser (`remembered`)."""
    services = services_of(request)
    opened = await entry.enter(services, session, visit.interaction, proof, browser_of(request))
    if opened is None:
        visit.browser, visit.user = None, None
        first = entry.waiting(visit.interaction, visit.now)
        if first is not None and first.missing == entry.Missing.SECOND_FACTOR:
            await asking.begin(services, session, visit.interaction, first, proof.user, network_address(request))
        return await onward(request, session, visit)
    browser, cookie = opened
    if await stays_linked(request, session, visit, proof.user):
        interactions.bind(session, visit.interaction, browser)
        response = remember(request, go(f"{services.settings.issuer}/still-linked{visit.query}"), cookie)
    else:
        response = await onward(request, session, visit, (browser, cookie, proof.user))
    if proof.user.email_verified:  # else whoever knows the password may have made the account for somebody else
        return await know(request, session, response, proof.user, skips_next_time=skips_next_time)
    return response


async def know(
    request: Request, session: AsyncSession, response: Response, user: User, *, skips_next_time: bool = False
) -> Response:
    """The same answer; the account knows this browser from now on. In the unit of work of the sign-in."""
    services = services_of(request)
    settings = services.settings
    value = await known_devices.remember(settings, session, user.sub, request.cookies, services.clock())
    if skips_next_time:
        await remembered.begin(settings, session, services.clock(), user, value)
    response.set_cookie(known_devices.cookie_name(settings), value, **known_devices.cookie_options(settings))
    return response


def passes_of(request: Request, interaction: Interaction | None = None) -> Passes:
    """What may lead this browser past an account's lock, in this interaction."""
    if interaction is None:
        return Passes(request.cookies)
    return Passes(request.cookies, interaction.interaction_id, interaction.unlocked)


async def stays_linked(request: Request, session: AsyncSession, visit: Visit, user: User) -> bool:
    """Whether the password was just recovered, and `/still-linked` has something to show."""
    recovered = await recovery.was_completed(session, visit.interaction.recovery_id)
    return recovered and await recovery.still_linked(session, user, services_of(request).clock())


def browser_of(request: Request) -> Browser:
    """As accounts know it."""
    return Browser(request.cookies, user_agent(request), network_address(request))


def remember(request: Request, response: Response, cookie: str) -> Response:
    """The same answer, with the cookie of a new session."""
    settings = services_of(request).settings
    response.set_cookie(sessions.cookie_name(settings), cookie, **sessions.cookie_options(settings))
    return response


def forget(request: Request, response: Response) -> Response:
    """The same answer; the browser drops the cookie of its session."""
    settings = services_of(request).settings
    response.delete_cookie(sessions.cookie_name(settings), **sessions.cookie_options(settings))
    return response


def leave(request: Request, visit: Visit, location: Reply) -> Response:
    """The redirect, or the page that posts; an interaction that is over loses its cookie."""
    settings = services_of(request).settings
    over = visit.interaction.completed_at is not None
    response = form_post_page(request, location) if isinstance(location, FormPost) else go(location)
    if over or isinstance(location, FormPost) or not location.startswith(f"{settings.issuer}/"):
        name = interactions.cookie_name(settings, visit.interaction.interaction_id)
        response.delete_cookie(name, path="/", secure=settings.secure, httponly=True, samesite="lax")
    return response


def network_address(request: Request) -> str:
    """The client's address as the server knows it; forwarding headers count only from trusted proxies."""
    return request.client.host if request.client else ""


def user_agent(request: Request) -> str:
    return request.headers.get("user-agent", "")
