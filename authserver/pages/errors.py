"""What a person sees when a page cannot go on. Nothing of what was sent is shown again."""

import functools
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from authserver.accounts.passwords import Busy
from authserver.boundary import try_later
from authserver.languages import speaking
from authserver.oauth.errors import PageError
from authserver.oauth.responses import STRICT
from authserver.pages.language import language_of
from authserver.pages.render import page
from authserver.pages.texts import _

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
RETRY_AFTER = 2  # seconds


def error_page(request: Request, error: PageError) -> Response:
    """What happened and what to do. It needs no database: it also says that there is none."""
    log.info("page %s: %s", request.scope["path"], error.reason)
    ours = error.status >= 500
    again = ours and _only_looks(request)
    with speaking(language_of(request)):
        return page(
            request,
            "error.html",
            status=error.status,
            wait=error.wait or (RETRY_AFTER if ours else 0),
            title=_("One moment, please") if ours else _("This did not work"),
            message=_(error.message),
            reason=error.reason,
            again=again,
            go_back=error.go_back and not again,
        )


def _only_looks(request: Request) -> bool:
    """Then the page offers to ask for it again; what was typed into a form is one page back."""
    return request.method in ("GET", "HEAD")


def _too_many(request: Request) -> PageError:
    error = PageError(
        "busy", "Too many people are signing in right now. Go back, wait a few seconds and try again.", 503
    )
    if _only_looks(request):
        error.message = try_later().message  # there is no form to go back to
    return error


def busy_page(request: Request) -> Response:
    """More requests wait than the server bears. Written once in each language, for those who look and for those who
    sent a form: there is no time for more."""
    written: dict[tuple[str, bool], Response] = request.app.state.busy_pages
    which = language_of(request).tag, _only_looks(request)
    if which not in written:
        written[which] = error_page(request, _too_many(request))
    return written[which]


async def not_found(request: Request, _error: Exception | None = None) -> Response:
    """For every path that leads nowhere."""
    with speaking(language_of(request)):
        return page(
            request,
            "error.html",
            status=404,
            title=_("There is no such page"),
            message=_("Check the address, or go back to the app that you came from."),
            reason="",
            again=False,
            go_back=False,
        )


def hosted(endpoint: Endpoint) -> Endpoint:
    """A page's handler, in the language of who asks. All failures but this one are rendered where nobody else caught
    them (`boundary`)."""

    @functools.wraps(endpoint)
    async def handle(request: Request) -> Response:
        with speaking(language_of(request)):
            try:
                response = await endpoint(request)
            except Busy as error:
                raise _too_many(request) from error
        for name, value in (STRICT if request.app.state.settings.secure else {}).items():
            response.headers.setdefault(name, value)  # redirects and pictures have no other place for it
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    return handle
