"""The routes of the simulator. Every action is a form's POST that leads back to the page (303)."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.staticfiles import StaticFiles

from skill.forms import Forbidden, Form, read_form
from skill.news import News
from skill.settings import Settings, is_loopback
from skill.simulator import pages
from skill.simulator.alexa import Alexa, Answer
from skill.simulator.browsers import Browser, Browsers
from skill.simulator.colours import COLOURS
from skill.simulator.guard import LoopbackOnly, from_own_page, has_form_token, host_name
from skill.simulator.journal import as_lines
from skill.simulator.linking import AWAY, AuthorizationServer, LinkingFailed, explained
from skill.simulator.speech import Adjust, Brightness, Colour, Intent, Power, Question, White
from skill.simulator.stream import OwnerLamps, lamp_states

COOKIE = "lampgate_simulator"

Action = Callable[[Browser, Form], Awaitable[str | None]]


def simulator_routes(
    settings: Settings,
    answer: Answer,
    owner_lamps: OwnerLamps,
    news: News,
    clock: Callable[[], float] = time.time,
) -> list[BaseRoute]:
    """`/simulator/`, or nothing outside development mode.

    `answer` takes a directive's body the way that one from the bridge takes; `owner_lamps` gives the lamps of a `sub`;
    `news` tells when to look at them again.
    """
    if not settings.development:
        return []
    simulator = Simulator(settings, answer, owner_lamps, news, clock)
    guarded = LoopbackOnly(Router(simulator.routes()), settings.issuer)
    return [Route("/simulator", _to_folder, methods=["GET"]), Mount("/simulator", guarded)]


async def _to_folder(request: Request) -> Response:
    """Leads to `/simulator/`."""
    return RedirectResponse("simulator/", 307)


class Simulator:
    """What the routes share: the browsers, Alexa, the authorization server."""

    def __init__(
        self, settings: Settings, answer: Answer, owner_lamps: OwnerLamps, news: News, clock: Callable[[], float]
    ) -> None:
        self.public_url = (settings.public_url or f"http://localhost:{settings.port}").rstrip("/")
        self.issuer = settings.issuer
        self.server = _authorization_server(settings, self.public_url)
        self.alexa = Alexa(self.server, answer, clock)
        self.owner_lamps, self.news = owner_lamps, news
        self.browsers = Browsers()
        self.clock = clock

    def routes(self) -> list[BaseRoute]:
        actions: dict[str, Action] = {
            "link": self.link,
            "unlink": self.unlink,
            "discover": self.discover,
            "speak": self.speak,
            "control": self.control,
            "refresh": self.refresh,
        }
        return [
            Route("/", self.show, methods=["GET"]),
            Route("/callback", self.callback, methods=["GET"]),
            Route("/lamps/stream", self.stream, methods=["GET"]),
            Mount("/static", StaticFiles(directory=pages.FOLDER / "static")),
            *(Route(f"/{name}", self.posted(action), methods=["POST"]) for name, action in actions.items()),
        ]

    async def show(self, request: Request) -> Response:
        """The page that plays Alexa: link, discover, speak, and see the lamps."""
        if elsewhere := self._own_address(request):
            return RedirectResponse(elsewhere, 307)
        browser = self.browsers.find(request.cookies.get(COOKIE)) or self.browsers.new()
        lamps = await self.owner_lamps(browser.link.subject) if browser.link else []
        answer = pages.page(browser, lamps, configured=self.server is not None, issuer=self.issuer)
        secure = self.public_url.startswith("https:")
        answer.set_cookie(COOKIE, browser.identifier, path="/simulator", httponly=True, samesite="lax", secure=secure)
        return answer

    def _own_address(self, request: Request) -> str | None:
        """The redirect URI is registered under one name of this machine, and cookies do not cross to another one
        (`127.0.0.1`, `localhost`): the page is shown under that name."""
        own = urlsplit(self.public_url)
        host = request.headers["host"]
        here = urlsplit(f"//{host}")
        if own.hostname == host_name(host) or own.port != here.port or not is_loopback(own.hostname):
            return None
        return urlunsplit((own.scheme, own.netloc, f"{own.path}/simulator/", "", ""))

    def posted(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        """An action as an endpoint: from this origin, from this browser's page; then back to the page."""

        async def endpoint(request: Request) -> Response:
            try:
                from_own_page(request)
                form = await read_form(request)
                browser = self.browsers.find(request.cookies.get(COOKIE))
                if browser is None:
                    raise Forbidden("The simulator was restarted, or cookies are off. Load the page again.")
                has_form_token(browser, form.get("form_token", ""))
            except Forbidden as forbidden:
                return pages.refusal("Please load the page again", str(forbidden), 403)
            return RedirectResponse(await action(browser, form) or "./", 303)

        endpoint.__doc__ = action.__doc__
        return endpoint

    async def link(self, browser: Browser, form: Form) -> str | None:
        """Sends the browser to the authorization endpoint, as the Alexa app does."""
        browser.notice = None
        if self.server is None:
            browser.notice = explained("invalid_client")
            return None
        if not await self.server.is_there():
            browser.notice = AWAY
            return None
        url = self.server.authorize_url(browser.new_state(self.clock()))
        asked = dict(parse_qsl(urlsplit(url).query))
        sent = f"{url.partition('?')[0]}\n{as_lines(asked)}"
        browser.journal.note(
            "linking",
            "GET /oauth2/authorize",
            "sent the browser there",
            well=True,
            at=self.clock(),
            sent=sent,
            received="The browser comes back to the redirect URI.",
        )
        return url

    async def callback(self, request: Request) -> Response:
        """The redirect URI (RFC 6749 §4.1.2): first the state, which says that this browser began; then `iss` (RFC 9207
        §2.4)."""
        browser = self.browsers.find(request.cookies.get(COOKIE))
        asked = dict(request.query_params)
        now = self.clock()
        if browser is None or not browser.take_state(asked.get("state", ""), now):
            return pages.refusal(
                "This linking wasn't begun here",
                "It belongs to another browser, was already finished, or the simulator was restarted meanwhile. "
                "Nothing has been linked. Start again from the simulator.",
                400,
            )
        browser.journal.note(
            "linking",
            "GET /simulator/callback",
            asked.get("error", "code received")[:60],
            well="code" in asked and "error" not in asked,
            at=now,
            sent=as_lines(asked),
            received="The state is this browser's own.",
        )
        browser.notice = await self._finish(browser, asked, now)
        return RedirectResponse("./", 303)

    async def _finish(self, browser: Browser, asked: Form, now: float) -> Any:
        """Exchanges the code and keeps the tokens; gives the notice where that fails."""
        if self.server is None:
            return explained("invalid_client")
        if asked.get("iss") != self.issuer:
            return explained("invalid_issuer")
        if "error" in asked or not asked.get("code"):
            return explained(asked.get("error", "missing_code"))
        try:
            link = await self.server.exchange(browser, asked["code"], now)
        except LinkingFailed as failed:
            return failed.notice
        browser.forget_link()
        browser.link = link
        return None

    async def unlink(self, browser: Browser, form: Form) -> None:
        """As in the Alexa app: the tokens are forgotten here, and the authorization server is not told."""
        browser.forget_link()
        browser.notice = None

    async def discover(self, browser: Browser, form: Form) -> None:
        """Sends `Discover` and shows the lamps that come back."""
        browser.notice = None
        await self.alexa.discover(browser)

    async def speak(self, browser: Browser, form: Form) -> None:
        """A sentence for Alexa, as typed or as suggested."""
        browser.notice = None
        await self.alexa.hear(browser, form.get("suggestion") or form.get("said", ""))

    async def refresh(self, browser: Browser, form: Form) -> None:
        """Exchanges the refresh token for a new access token."""
        browser.notice = None
        await self.alexa.renew(browser)

    async def control(self, browser: Browser, form: Form) -> None:
        """A button or a slider of one lamp."""
        browser.notice = None
        device = browser.device(form.get("lamp", ""))
        intent = _button(form)
        if device is not None and intent is not None:
            await self.alexa.obey(browser, _aloud(device.name, intent), intent, [device])

    async def stream(self, request: Request) -> Response:
        """204 ends a page's listening for good: there is nothing to hear without a link."""
        browser = self.browsers.find(request.cookies.get(COOKIE))
        if browser is None or browser.link is None:
            return Response(status_code=204)
        events = lamp_states(request, browser, self.owner_lamps, self.news)
        return StreamingResponse(events, headers={"cache-control": "no-store"}, media_type="text/event-stream")


def _authorization_server(settings: Settings, public_url: str) -> AuthorizationServer | None:
    if not settings.simulator_client_id or settings.simulator_client_secret is None:
        return None
    redirect_uri = f"{public_url}/simulator/callback"
    secret = SecretStr(settings.simulator_client_secret.get_secret_value())
    return AuthorizationServer(
        settings.issuer.rstrip("/"), settings.reachable_issuer, redirect_uri, settings.simulator_client_id, secret
    )


def _button(form: Form) -> Intent | None:
    match form.get("do"):
        case "on" | "off" as way:
            return Power((), way == "on")
        case "brightness" if form.get("brightness", "").isdecimal():
            return Brightness((), min(100, int(form["brightness"][:4])))
        case "dim":
            return Adjust((), -20)
        case "brighten":
            return Adjust((), 20)
        case "report":
            return Question((), "state")
        case "kelvin" if form.get("kelvin", "").isdecimal():
            return White((), max(1000, min(10_000, int(form["kelvin"][:6]))))
        case None if form.get("colour") in COLOURS:
            return Colour((), form["colour"])
        case _:
            return None


def _aloud(name: str, intent: Intent) -> str:
    """The sentence that a button stands for, so that pressing it teaches the sentence."""
    lamp = name.lower()
    match intent:
        case Power(on=on):
            return f"turn {'on' if on else 'off'} the {lamp}"
        case Brightness(percent=percent):
            return f"set the {lamp} to {percent} percent"
        case Adjust(delta=delta):
            return f"{'brighten' if delta > 0 else 'dim'} the {lamp} by {abs(delta)} percent"
        case Colour(name=colour):
            return f"set the {lamp} to {colour}"
        case White(kelvin=kelvin):
            return f"set the {lamp} to {kelvin} kelvin"
        case _:
            return f"what's the state of the {lamp}"
