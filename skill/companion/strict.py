"""Headers of every answer of the companion, and its static files."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skill.companion.pages import FOLDER
from skill.settings import Settings

Endpoint = Callable[[Request], Awaitable[Response]]


class Strict:
    """The issuer may be the target of forms: Chromium follows `form-action` along the redirect after signing out."""

    def __init__(self, settings: Settings) -> None:
        issuer = urlsplit(settings.issuer)
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            f"form-action 'self' {issuer.scheme}://{issuer.netloc}; base-uri 'none'; frame-ancestors 'none'"
        )
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
        }
        if (settings.public_url or "").startswith("https:"):
            self._headers["strict-transport-security"] = "max-age=31536000"

    def route(self, path: str, endpoint: Endpoint, method: str) -> BaseRoute:
        async def strict(request: Request) -> Response:
            return self.on(await endpoint(request))

        strict.__doc__ = endpoint.__doc__
        return Route(path, strict, methods=[method])

    def on(self, answer: Response) -> Response:
        for name, value in self._headers.items():
            answer.headers[name] = value
        answer.headers.setdefault("cache-control", "no-store")
        return answer

    def around(self, app: ASGIApp, cache: str) -> ASGIApp:
        async def strict(scope: Scope, receive: Receive, send: Send) -> None:
            async def with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    for name, value in self._headers.items():
                        headers[name] = value
                    headers["cache-control"] = cache
                await send(message)

            await app(scope, receive, with_headers)

        return strict


def static_files(strict: Strict) -> BaseRoute:
    """Asked for again each time, by their ETag: there is no build step that would name them by their content."""
    return Mount("/static", strict.around(StaticFiles(directory=FOLDER / "static"), "no-cache"))
