"""One request of a browser: who asks, what was sent, and how it is answered when something is wrong."""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from skill.companion.cookies import NOTE, NOTE_SECONDS, SESSION, Cookies
from skill.companion.languages import N_, _, current, speaking
from skill.companion.languages.choosing import asked, keep, language_of
from skill.companion.pages import render
from skill.companion.sessions import IDLE, Session, Sessions
from skill.forms import Forbidden, Form, read_form, same_origin

log = logging.getLogger(__name__)

LONGEST_WAY_BACK = 300  # characters
PLACES = frozenset({"", "claim", "lamps", "history", "unclaimed", "signed-out"})
"""Where one may be led after signing in, or choosing a language: the first part of the path."""
OVER = N_("This page was open for too long, or somebody else signed in here. Load it again.")


class NotSignedIn(Exception):
    """The page needs a person. `back` is where they go on after signing in."""

    def __init__(self, back: str | None = None) -> None:
        super().__init__()
        self.back = back


class NotThere(Exception):
    """No such lamp, or somebody else's: one answer."""


class Unwanted(Exception):
    """A command that a lamp has no control for, which no page of ours sends."""


def way_back(given: str | None) -> str:
    """A path of ours to go on with, `/` where what was given is none: never another host's (open redirect)."""
    if not given or len(given) > LONGEST_WAY_BACK or not given.isascii() or not given.isprintable():
        return "/"
    if given[0] != "/" or given[1:2] in ("/", "\\") or "\\" in given or " " in given:
        return "/"
    parts = urlsplit(given)
    return given if not parts.netloc and not parts.fragment and parts.path.split("/")[1] in PLACES else "/"


@dataclass
class Visit:
    """`session` is None where nobody is signed in."""

    request: Request
    cookies: Cookies
    session: Session | None
    own_origin: str

    @property
    def person(self) -> Session:
        if self.session is None:
            raise NotSignedIn
        return self.session

    def demand_person(self) -> None:
        """Raises NotSignedIn."""
        if self.session is None:
            raise NotSignedIn

    @property
    def lamp(self) -> str:
        """The id in the path. Raises NotThere where no lamp can have it."""
        endpoint_id: str = self.request.path_params["lamp"]
        if not endpoint_id.isprintable():
            raise NotThere
        return endpoint_id

    @property
    def wants_json(self) -> bool:
        return self.request.headers.get("accept", "").startswith("application/json")

    async def form(self, keep: str | None = None) -> Form:
        """What a page of this person's sent. Who was signed out meanwhile is led back to that page, with the field
        `keep` as typed. Raises NotSignedIn, Forbidden."""
        same_origin(self.request, self.own_origin)
        fields = await read_form(self.request)
        if self.session is None:
            typed = {keep: fields[keep]} if keep in fields else {}
            raise NotSignedIn(f"{self.request.url.path}?{urlencode(typed)}" if typed else self.here)
        if not self.person.has_token(fields.get("form_token", "")):
            raise Forbidden(OVER)
        return fields

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        return render(template, status, **({"person": self.session, "back": self.here} | values))

    @property
    def here(self) -> str:
        """Where choosing a language leads back to: this page, or the one that a form was sent from."""
        if self.request.method == "POST":
            try:
                came_from = urlsplit(self.request.headers.get("referer", ""))
            except ValueError:
                return "/"
            own = f"{came_from.scheme}://{came_from.netloc}" == self.own_origin
            return way_back(came_from._replace(scheme="", netloc="", fragment="").geturl() if own else None)
        query = self.request.scope["query_string"].decode("latin-1")
        path = self.request.scope.get("raw_path", b"/").decode("latin-1").partition("?")[0]
        return way_back(path + (f"?{query}" if query else ""))

    def go(self, path: str) -> Response:
        return RedirectResponse(path, 303)

    def note(self, answer: Response, **content: Any) -> Response:
        """Said on the next page; read by this session alone."""
        self.cookies.seal(answer, NOTE, content, NOTE_SECONDS, self.person.digest.hex())
        return answer

    def noted(self) -> dict[str, Any]:
        """What a template asks for and nobody said is None."""
        said = self.cookies.open(self.request, NOTE, self.person.digest.hex()) or {}
        return defaultdict(lambda: None, said)

    def read(self, answer: Response) -> Response:
        """The note was shown and is not shown again."""
        if self.cookies.value(self.request, NOTE):
            self.cookies.forget(answer, NOTE)
        return answer


Page = Callable[[Visit], Awaitable[Response]]


class Visits:
    """Makes endpoints of pages."""

    def __init__(self, sessions: Sessions, cookies: Cookies, public_url: str) -> None:
        self._sessions, self._cookies = sessions, cookies
        parts = urlsplit(public_url)
        self._own_origin = f"{parts.scheme}://{parts.netloc}"

    def endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            visit = Visit(request, self._cookies, None, self._own_origin)
            with speaking(language_of(request, self._cookies)):
                answer = await self._answer(visit, page)
                answer.headers["content-language"] = current().tag
            keep(request, answer, self._cookies, asked(request), "asked")
            return answer

        endpoint.__doc__ = page.__doc__
        return endpoint

    async def _answer(self, visit: Visit, page: Page) -> Response:
        try:
            visit.session = await self._sessions.find(self._cookies.value(visit.request, SESSION))
            answer = await page(visit)
        except Exception as failure:
            return _failed(visit, failure)
        if visit.session is not None and visit.session.renewed and "set-cookie" not in answer.headers:
            self._cookies.set(answer, SESSION, visit.session.value, IDLE)
        return answer


def _failed(visit: Visit, failure: Exception) -> Response:
    if isinstance(failure, NotSignedIn):
        if visit.wants_json or visit.request.headers.get("accept") == "text/event-stream":
            return _json({"error": _("You are signed out. Load the page to sign in again.")}, 401)
        back = way_back(failure.back) if visit.request.method == "POST" else visit.here
        return visit.go(f"/sign-in?next={quote(back, safe='')}" if back != "/" else "/")
    if isinstance(failure, Forbidden):
        status, title, text = 403, _("Please load the page again"), _(str(failure))
    elif isinstance(failure, NotThere):
        status, title = 404, _("There is nothing here")
        text = _("This lamp is not one of yours, or it is gone.")
    elif isinstance(failure, Unwanted):
        status, title, text = 422, _("That did not work"), _("This lamp cannot do that.")
    else:
        log.error("%s failed", visit.request.scope.get("path"), exc_info=failure)
        status, title = 503, _("That did not work")
        text = _("Something is out of order here. Nothing is lost: try again.")
    if visit.wants_json:
        return _json({"error": text}, status)
    answer = visit.page("message.html", status, title=title, text=text, retry=None, back="/")
    if status == 503:
        answer.headers["retry-after"] = "5"
    return answer


def _json(content: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
