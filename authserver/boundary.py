"""The outermost layer: what nobody caught becomes an answer, and never the client's fault when it is ours."""

import logging
import time
from collections.abc import Callable

from authlib.oauth2.rfc6749 import OAuth2Error
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authserver.oauth.client_keys import KeysAwayError
from authserver.oauth.errors import PageError
from authserver.oauth.keys import KeyRingError
from authserver.oauth.responses import error_response, unavailable
from authserver.storage.database import StorageError, driver_errors

log = logging.getLogger("authserver.access")

ErrorPage = Callable[[Request, PageError], Response]


def try_later() -> PageError:
    """Our own trouble, for a human."""
    return PageError(
        "unavailable", "The server cannot answer at the moment. Please try again in a few seconds.", 503, go_back=True
    )


class Boundary:
    """Pure ASGI. Trouble of ours is 503 with `Retry-After`: JSON for programs, a page for people. Before the service is
    ready only `free_paths` answer otherwise: beginnings of paths that need no database, the style of that page among
    them."""

    def __init__(
        self,
        app: ASGIApp,
        ready: Callable[[], bool],
        error_page: ErrorPage,
        machine_paths: frozenset[str],
        free_paths: tuple[str, ...],
    ) -> None:
        self.app = app
        self.ready = ready
        self.error_page = error_page
        self.machine_paths = machine_paths
        self.free_paths = free_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path: str = scope["path"]
        try:
            if not self.ready() and not path.startswith(self.free_paths):
                raise StorageError("not ready yet")
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            log.debug("%s %s: the client left before its request was whole", scope["method"], path)
            return
        except Exception as error:
            if status:  # the answer has begun; nothing can be said any more
                raise
            await self._answer(error, scope, receive, watched)
        if log.isEnabledFor(logging.DEBUG) or status >= 500:
            # never the query string: it holds `state`, ids and links
            level = logging.WARNING if status >= 500 else logging.DEBUG
            log.log(level, "%s %s %d %.1f ms", scope["method"], path, status, 1000 * (time.perf_counter() - begun))

    async def _answer(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        machine = scope["path"] in self.machine_paths
        response: Response
        if isinstance(error, PageError):
            response = self.error_page(Request(scope), error)
        elif isinstance(error, OAuth2Error):
            status = error.status_code or 400
            if machine:
                response = error_response(str(error.error), error.description or "The request is not valid", status)
            else:
                response = self.error_page(
                    Request(scope),
                    PageError("malformed_request", "The request could not be read.", status, go_back=True),
                )
        else:
            if isinstance(error, (StorageError, KeyRingError, KeysAwayError, *driver_errors())):
                log.error("%s %s: %s: %s", scope["method"], scope["path"], type(error).__name__, error)
            else:
                log.exception("%s %s", scope["method"], scope["path"])
            response = unavailable() if machine else self.error_page(Request(scope), try_later())
            response.headers["Retry-After"] = "2"
        await response(scope, receive, send)
