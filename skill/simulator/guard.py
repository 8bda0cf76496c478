"""Who may use the simulator: a browser on this machine, at its own page, under a strict policy."""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skill.forms import Forbidden, same_origin
from skill.settings import is_loopback
from skill.simulator.browsers import Browser

REFUSED = "403 Forbidden\n\nThe simulator answers on this machine only, at its loopback address (http://localhost…).\n"


class LoopbackOnly:
    """Lets a request pass whose `Host` is loopback, which a rebound DNS name cannot have, and sets the page's headers.

    `issuer` may be named as target of forms: Chromium follows `form-action` along the redirect to the authorization
    server. It does not look at the address of the peer: behind a container's port that is never loopback.
    """

    def __init__(self, app: ASGIApp, issuer: str) -> None:
        self._app = app
        parts = urlsplit(issuer)
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            f"form-action 'self' {parts.scheme}://{parts.netloc}; base-uri 'none'; frame-ancestors 'none'"
        )
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_loopback(host_name(hosts[0])):
            await PlainTextResponse(REFUSED, 403)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    answer[name] = value
                answer.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


def host_name(host: str) -> str | None:
    """The name in a `Host` header, without its port; None where it is not one (RFC 9110 §7.2)."""
    if any(character in host for character in "/@?#\\ \t"):
        return None
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname if parts.port is None or parts.port else None
    except ValueError:
        return None


def from_own_page(request: Request) -> None:
    """A POST must come from a page of the simulator, under whichever name this machine is called."""
    same_origin(request, f"{request.url.scheme}://{request.headers['host']}")


def has_form_token(browser: Browser, given: str) -> None:
    """The token that only this browser's own page holds."""
    if not hmac.compare_digest(browser.form_token.encode(), given.encode()):
        raise Forbidden("This page has been open for too long. Load it again.")
